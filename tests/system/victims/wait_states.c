/* A process that waits in one way and fails loudly if it ever notices that it was stopped.
 *
 *   wait_states STATE PORT
 *
 * The first connection to PORT is the order connection, which is echoed for as long as the process lives. A helper process
 * that shares the descriptor table (and nothing else) takes commands on stdin, so that the process itself has no thread
 * but the waiting one:
 *   leak N   opens N connections, waits until the peer has closed each, tells number and inode of each
 *   order    echoes one byte on the order connection (states that do not do so themselves)
 *   poke     wakes the waiting process once and waits until it went round
 *   quiet    stops the signals and waits until every one sent was handled
 *   end      removes what would outlive the process
 * Any system call of the waiting process that fails, or a wait that ends early, ends it with what went wrong.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct shared {
    atomic_long progress, longest_us, sent, handled, quiet;
    atomic_int word, failed, in_wait;
    char why[200];
};

static struct shared *shared;
static int order = -1, port, wake_pipe[2], listener = -1, listen_port, sem = -1;
static const char *state;

static void fail(const char *what, long result) {
    int error = errno;
    snprintf(shared->why, sizeof shared->why, "%s: result %ld, errno %d (%s)", what, result, error, strerror(error));
    atomic_store(&shared->failed, 1);
    _exit(9);
}

static void need(int good, const char *what, long result) {
    if (!good) fail(what, result);
}

static long now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static void went_round(long since) {
    long took = now_us() - since;
    if (took > atomic_load(&shared->longest_us)) atomic_store(&shared->longest_us, took);
    atomic_fetch_add(&shared->progress, 1);
}

static int dial(int to) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (void *)&at, sizeof at) != 0) return -1;
    return fd;
}

static void echo(const char *what) {
    char byte;
    ssize_t got = recv(order, &byte, 1, MSG_DONTWAIT);
    need(got == 1, what, got);
    need(send(order, &byte, 1, 0) == 1, "echo", -1);
}

static long futex(atomic_int *word, int op, int value, struct timespec *timeout) {
    return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

/* ---- one wait of each kind; each returns after one round ---- */

#define TIMEOUT_MS 200
static const struct timespec TIMEOUT = {.tv_nsec = TIMEOUT_MS * 1000000L};

static void waited_out(const char *what, long since, long ms) {
    long took = now_us() - since;
    errno = 0;
    need(took >= ms * 1000 - 1000, what, took);
}

static void wait_recv(void) {
    char byte;
    ssize_t got = recv(order, &byte, 1, 0);
    need(got == 1, "recv", got);
    need(send(order, &byte, 1, 0) == 1, "echo", -1);
}

static void wait_read(void) {
    char byte;
    ssize_t got = read(wake_pipe[0], &byte, 1);
    need(got == 1, "read", got);
}

static void wait_accept(void) {
    int fd = accept(listener, NULL, NULL);
    need(fd >= 0, "accept", fd);
    need(close(fd) == 0, "close", -1);
}

static int epoll_fd = -1;

static void wait_epoll(int timeout) {
    struct epoll_event event;
    long since = now_us();
    int ready = epoll_wait(epoll_fd, &event, 1, timeout);
    need(ready >= 0, "epoll_wait", ready);
    if (ready == 1) echo("epoll echo");
    else waited_out("epoll_wait ended early", since, timeout);
}

static void wait_select(int timed) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(order, &set);
    struct timeval timeout = {.tv_usec = TIMEOUT_MS * 1000};
    long since = now_us();
    int ready = select(order + 1, &set, NULL, NULL, timed ? &timeout : NULL);
    need(ready >= 0, "select", ready);
    if (ready == 1) echo("select echo");
    else waited_out("select ended early", since, TIMEOUT_MS);
}

static void wait_poll(void) {
    struct pollfd set = {.fd = order, .events = POLLIN};
    long since = now_us();
    int ready = poll(&set, 1, TIMEOUT_MS);
    need(ready >= 0, "poll", ready);
    if (ready == 1) echo("poll echo");
    else waited_out("poll ended early", since, TIMEOUT_MS);
}

static void wait_recv_timeout(void) {
    char byte;
    long since = now_us();
    ssize_t got = recv(order, &byte, 1, 0);
    if (got == 1) {
        need(send(order, &byte, 1, 0) == 1, "echo", -1);
        return;
    }
    need(got == -1 && errno == EAGAIN, "recv with a timeout", got);
    waited_out("recv ended early", since, TIMEOUT_MS);
}

static void wait_futex(int timed) {
    int before = atomic_load(&shared->word);
    long since = now_us();
    struct timespec timeout = TIMEOUT;
    /* An odd word means that the poke has come already. */
    long result = futex(&shared->word, FUTEX_WAIT, before & ~1, timed ? &timeout : NULL);
    if (timed && result == -1 && errno == ETIMEDOUT) {
        waited_out("futex ended early", since, TIMEOUT_MS);
        return;
    }
    need(result == 0 || errno == EAGAIN, "futex", result);
    if (atomic_load(&shared->word) & 1) atomic_fetch_add(&shared->word, 1);
}

static void wait_sleep(void) {
    long since = now_us();
    int result = nanosleep(&TIMEOUT, NULL);
    need(result == 0, "nanosleep", result);
    waited_out("nanosleep ended early", since, TIMEOUT_MS);
}

static void wait_semaphore(void) {
    struct sembuf down = {.sem_op = -1};
    int result = semop(sem, &down, 1);
    need(result == 0, "semop", result);
}

static uint64_t churn(uint64_t seed) {
    uint64_t a = seed, b = ~seed, c = seed * 3, d = seed ^ 0x5555;
    double f = 1.0;
    for (int i = 0; i < 200000; i++) {
        a = a * 6364136223846793005u + 1442695040888963407u;
        b ^= a >> 7;
        c += b * 31;
        d = (d << 5 | d >> 59) ^ c;
        f = f * 1.0000001 + 0.5;
    }
    uint64_t bits;
    memcpy(&bits, &f, sizeof bits);
    return a ^ b ^ c ^ d ^ bits;
}

/* Bytes of a blocking send that a stop would cut short. */
static void wait_send(void) {
    static char much[8 << 20];
    int pair[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair", -1);
    ssize_t sent = send(pair[0], much, sizeof much, 0);
    need(sent == sizeof much, "send", sent);
}

static void wait_vfork(void) {
    pid_t child = vfork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct timespec while_parent_waits = {.tv_sec = 60};
        nanosleep(&while_parent_waits, NULL);
        _exit(0);
    }
    need(child > 0, "vfork", child);
    int status;
    need(waitpid(child, &status, 0) == child, "waitpid", child);
}

static void wait_busy(void) {
    static uint64_t expected;
    uint64_t got = churn(42);
    if (!expected) expected = got;
    errno = 0;
    need(got == expected, "arithmetic", (long)got);
}

/* ---- signals: an EINTR is right only if a handler ran ---- */

static void on_signal(int number) {
    (void)number;
    if (strcmp(state, "ppoll") == 0 && !atomic_load(&shared->in_wait)) fail("handler outside ppoll", 0);
    atomic_fetch_add(&shared->handled, 1);
}

static void interrupted_rightly(long before, const char *what, long result) {
    if (result < 0 && errno == EINTR) {
        need(atomic_load(&shared->handled) > before, what, result);
        return;
    }
    need(result >= 0 || errno == EAGAIN, what, result);
}

static void wait_among_signals(void) {
    long before = atomic_load(&shared->handled);
    struct epoll_event event;
    long result = epoll_wait(epoll_fd, &event, 1, 5);
    interrupted_rightly(before, "epoll_wait without a handler", result);
    if (result == 1) echo("echo among signals");
    before = atomic_load(&shared->handled);
    struct timespec brief = {.tv_nsec = 3000000};
    result = nanosleep(&brief, NULL);
    interrupted_rightly(before, "nanosleep without a handler", result);
    before = atomic_load(&shared->handled);
    char byte;
    result = recv(wake_pipe[0], &byte, 1, 0);
    interrupted_rightly(before, "recv without a handler", result);
}

static void wait_ppoll(void) {
    sigset_t none;
    sigemptyset(&none);
    struct pollfd set = {.fd = order, .events = POLLIN};
    struct timespec timeout = {.tv_nsec = 50000000};
    long before = atomic_load(&shared->handled);
    atomic_store(&shared->in_wait, 1);
    int ready = ppoll(&set, 1, &timeout, &none);
    atomic_store(&shared->in_wait, 0);
    interrupted_rightly(before, "ppoll without a handler", ready);
    if (ready == 1) echo("ppoll echo");
}

static void prepare_signals(int blocked) {
    struct sigaction action = {.sa_handler = on_signal};
    need(sigaction(SIGRTMIN, &action, NULL) == 0, "sigaction", -1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    if (blocked) sigprocmask(SIG_BLOCK, &set, NULL);
}

/* ---- many threads, and threads that come and go ---- */

static void *pair_reader(void *pipes) {
    int *p = pipes;
    char byte;
    for (;;) {
        ssize_t got = read(p[0], &byte, 1);
        need(got == 1, "thread read", got);
        need(write(p[3], &byte, 1) == 1, "thread write", -1);
        atomic_fetch_add(&shared->progress, 1);
    }
    return NULL;
}

static void *pair_writer(void *pipes) {
    int *p = pipes;
    char byte = 'x';
    struct timespec brief = {.tv_nsec = 300000};
    for (;;) {
        need(write(p[1], &byte, 1) == 1, "thread write", -1);
        ssize_t got = read(p[2], &byte, 1);
        need(got == 1, "thread read", got);
        need(nanosleep(&brief, NULL) == 0, "thread nanosleep", -1);
    }
    return NULL;
}

static void *poller(void *unused) {
    (void)unused;
    for (;;) {
        long since = now_us();
        int ready = poll(NULL, 0, 3);
        need(ready == 0, "thread poll", ready);
        waited_out("thread poll ended early", since, 3);
        ready = epoll_wait(epoll_fd, &(struct epoll_event){0}, 1, 3);
        need(ready >= 0, "thread epoll_wait", ready);
    }
    return NULL;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long turns;

static void *turner(void *parity) {
    for (;;) {
        pthread_mutex_lock(&mutex);
        while (turns % 2 != (long)parity) need(pthread_cond_wait(&condition, &mutex) == 0, "condition", -1);
        turns++;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
        usleep(200);
    }
    return NULL;
}

static void *grinder(void *unused) {
    (void)unused;
    uint64_t expected = churn(7);
    for (;;) {
        need(churn(7) == expected, "thread arithmetic", 0);
        usleep(100);
    }
    return NULL;
}

static void *brief(void *argument) {
    sched_yield();
    return argument;
}

static void *spawner(void *unused) {
    (void)unused;
    for (long i = 1;; i++) {
        pthread_t threads[3];
        void *answer;
        for (int n = 0; n < 3; n++) {
            int result = pthread_create(&threads[n], NULL, brief, (void *)i);
            errno = result;
            need(result == 0, "pthread_create", result);
        }
        for (int n = 0; n < 3; n++) need(pthread_join(threads[n], &answer) == 0 && answer == (void *)i, "join", 0);
    }
    return NULL;
}

static void start(void *(*run)(void *), void *argument) {
    pthread_t thread;
    need(pthread_create(&thread, NULL, run, argument) == 0, "pthread_create", -1);
}

static void start_threads(void) {
    static int pipes[4][4];
    for (int n = 0; n < 4; n++) {
        need(pipe(pipes[n]) == 0 && pipe(pipes[n] + 2) == 0, "pipe", -1);
        start(pair_reader, pipes[n]);
        start(pair_writer, pipes[n]);
    }
    for (int n = 0; n < 9; n++) start(poller, NULL);
    start(turner, (void *)0L);
    start(turner, (void *)1L);
    start(grinder, NULL);
    start(spawner, NULL);
}

/* ---- the helper ---- */

static void leak(int count) {
    struct rlimit room;
    if (getrlimit(RLIMIT_NOFILE, &room) == 0) {
        room.rlim_cur = room.rlim_max;
        setrlimit(RLIMIT_NOFILE, &room);
    }
    for (int n = 0; n < count; n++) {
        int fd = dial(port);
        struct pollfd closed = {.fd = fd, .events = POLLRDHUP};
        struct stat about;
        if (fd < 0 || poll(&closed, 1, 5000) != 1 || fstat(fd, &about) != 0) {
            printf("failed leak %d\n", errno);
            return;
        }
        printf("leak %d %lu\n", fd, (unsigned long)about.st_ino);
    }
    printf("done\n");
}

static void wake(void) {
    if (strcmp(state, "read") == 0) (void)!write(wake_pipe[1], "x", 1);
    if (strcmp(state, "accept") == 0) close(dial(listen_port));
    if (strncmp(state, "futex", 5) == 0) {
        int even = atomic_load(&shared->word) & ~1;
        atomic_store(&shared->word, even | 1);
        futex(&shared->word, FUTEX_WAKE, 1, NULL);
    }
    struct sembuf up = {.sem_op = 1};
    if (strcmp(state, "semop") == 0) semop(sem, &up, 1);
}

static void tell_progress(long before, const char *word) {
    long until = now_us() + 5000000;
    while (atomic_load(&shared->progress) <= before && !atomic_load(&shared->failed) && now_us() < until) usleep(50);
    if (atomic_load(&shared->failed)) printf("failed %s\n", shared->why);
    else if (atomic_load(&shared->progress) <= before) printf("failed no progress\n");
    else printf("%s %ld\n", word, atomic_load(&shared->longest_us));
}

static pid_t start_sender(pid_t target) {
    pid_t sender = fork();
    if (sender != 0) return sender;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (!atomic_load(&shared->quiet)) {
        /* Ignored by default: must never show, not even to calls that a stop interrupts. */
        kill(target, SIGURG);
        usleep(150);
        if (sigqueue(target, SIGRTMIN, (union sigval){0}) == 0) atomic_fetch_add(&shared->sent, 1);
        usleep(700);
    }
    _exit(0);
}

static void quiet(pid_t sender) {
    atomic_store(&shared->quiet, 1);
    waitpid(sender, NULL, 0);
    long until = now_us() + 5000000;
    while (atomic_load(&shared->handled) < atomic_load(&shared->sent) && now_us() < until) usleep(100);
    printf("signals %ld %ld\n", atomic_load(&shared->sent), atomic_load(&shared->handled));
}

static int help(void *target_pid) {
    pid_t target = (pid_t)(long)target_pid, sender = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGRTMIN, SIG_DFL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(state, "signals") == 0 || strcmp(state, "ppoll") == 0) sender = start_sender(target);
    printf("ready %d\n", order);
    char line[64], byte;
    int count;
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "leak %d", &count) == 1) leak(count);
        else if (strcmp(line, "order\n") == 0) {
            int good = read(order, &byte, 1) == 1 && write(order, &byte, 1) == 1;
            printf(good ? "ok\n" : "failed order %d\n", errno);
        } else if (strcmp(line, "poke\n") == 0) {
            long before = atomic_load(&shared->progress);
            wake();
            tell_progress(before, "ok");
        } else if (strcmp(line, "quiet\n") == 0) quiet(sender);
        else if (strcmp(line, "end\n") == 0) {
            /* Without its semaphore the process ends; the answer must still be given. */
            prctl(PR_SET_PDEATHSIG, 0);
            if (sem >= 0) semctl(sem, 0, IPC_RMID);
            printf("ok\n");
        } else printf("failed unknown command %s", line);
    }
    _exit(0);
}

static void start_helper(void) {
    static char stack[1 << 18] __attribute__((aligned(16)));
    int pid = clone(help, stack + sizeof stack, CLONE_FILES | SIGCHLD, (void *)(long)getpid());
    need(pid > 0, "clone", pid);
}

static void prepare(void) {
    need(pipe(wake_pipe) == 0, "pipe", -1);
    order = dial(port);
    need(order >= 0, "order connection", order);
    epoll_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    if (strcmp(state, "threads") != 0) need(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, order, &event) == 0, "epoll_ctl", -1);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    need(listen(listener, 16) == 0, "listen", -1);
    struct sockaddr_in at;
    socklen_t length = sizeof at;
    getsockname(listener, (void *)&at, &length);
    listen_port = ntohs(at.sin_port);
    if (strcmp(state, "semop") == 0) {
        sem = semget(IPC_PRIVATE, 1, 0600);
        need(sem >= 0, "semget", sem);
    }
    struct timeval timeout = {.tv_usec = TIMEOUT_MS * 1000};
    if (strcmp(state, "recv_timeout") == 0) setsockopt(order, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (strcmp(state, "signals") == 0) {
        int pair[2];
        struct timeval brief = {.tv_usec = 4000};
        need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair", -1);
        setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
        wake_pipe[0] = pair[0];
        prepare_signals(0);
    }
    if (strcmp(state, "ppoll") == 0) prepare_signals(1);
}

static void one_round(void) {
    if (strcmp(state, "recv") == 0) wait_recv();
    else if (strcmp(state, "read") == 0) wait_read();
    else if (strcmp(state, "accept") == 0) wait_accept();
    else if (strcmp(state, "epoll") == 0) wait_epoll(-1);
    else if (strcmp(state, "epoll_timeout") == 0) wait_epoll(TIMEOUT_MS);
    else if (strcmp(state, "select") == 0) wait_select(0);
    else if (strcmp(state, "select_timeout") == 0) wait_select(1);
    else if (strcmp(state, "poll_timeout") == 0) wait_poll();
    else if (strcmp(state, "recv_timeout") == 0) wait_recv_timeout();
    else if (strcmp(state, "futex") == 0) wait_futex(0);
    else if (strcmp(state, "futex_timeout") == 0) wait_futex(1);
    else if (strcmp(state, "nanosleep") == 0 || strcmp(state, "threads") == 0) wait_sleep();
    else if (strcmp(state, "semop") == 0) wait_semaphore();
    else if (strcmp(state, "busy") == 0) wait_busy();
    else if (strcmp(state, "signals") == 0) wait_among_signals();
    else if (strcmp(state, "ppoll") == 0) wait_ppoll();
    else if (strcmp(state, "send") == 0) wait_send();
    else if (strcmp(state, "vfork") == 0) wait_vfork();
    else fail("unknown state", 0);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    state = argv[1];
    port = atoi(argv[2]);
    prepare();
    if (strcmp(state, "threads") == 0) start_threads();
    start_helper();
    for (;;) {
        long since = now_us();
        one_round();
        went_round(since);
    }
}
