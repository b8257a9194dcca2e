// `ws` against an upstream that says back what it is told: node echo.js URL
const WebSocket = require("ws");

const SENT = ["", "é".repeat(70_000), Buffer.alloc(2_000_000, 7), Buffer.alloc(0)];

function one(number) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${process.argv[2]}/quotes?n=${number}`, { perMessageDeflate: true });
    let got = 0;
    socket.on("error", reject);
    socket.on("open", () => {
      SENT.forEach((what) => socket.send(what));
      ["a", "b", "c"].forEach((part, place) => socket.send(part, { fin: place === 2 }));
      socket.ping("there?");
    });
    socket.on("message", (data, isBinary) => {
      const meant = got < SENT.length ? SENT[got] : "abc";
      if (isBinary !== Buffer.isBuffer(meant) || !data.equals(Buffer.from(meant))) reject(new Error(`message ${got}`));
      got += 1;
      if (got > SENT.length) socket.close(4001, "enough");
    });
    socket.on("close", (code) => (code === 4001 ? resolve() : reject(new Error(`closed with ${code}`))));
  });
}

Promise.all(Array.from({ length: 20 }, (_, number) => one(number))).then(() => console.log("done"));
