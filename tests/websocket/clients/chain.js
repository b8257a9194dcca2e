// A chain of the test's own (ganache), by HTTP and WebSocket on one port.
//
// Prints its port. Then each line of stdin is a command, and each answer one line of JSON; it ends with its stdin.
//
// mine N    N blocks, each with a call of a contract that says two logs
// keep      remembers the chain as it is
// revert    back to what was kept last
// tell      the chain: the number, the hash and the logs of each block

const readline = require("node:readline");
const ganache = require("ganache");

// Says two logs when it is called, with the topics 0x2a and 0x2b.
const RUNTIME = "602a60006000a1602b60006000a100";
const CONTRACT = `0x6e${RUNTIME}600052600f6011f3`;

async function main() {
  const server = ganache.server({ logging: { quiet: true }, wallet: { deterministic: true } });
  await server.listen(0, "127.0.0.1");
  const ask = (method, ...params) => server.provider.request({ method, params });
  const [from] = await ask("eth_accounts");
  const send = async (more) => {
    const hash = await ask("eth_sendTransaction", { from, gas: "0x30000", ...more });
    return ask("eth_getTransactionReceipt", hash);
  };
  const { contractAddress: to } = await send({ data: CONTRACT });
  let kept;
  const tell = async () => {
    const blocks = [];
    const head = Number(await ask("eth_blockNumber"));
    for (let number = 0; number <= head; number += 1) {
      const { hash } = await ask("eth_getBlockByNumber", `0x${number.toString(16)}`, false);
      const logs = await ask("eth_getLogs", { blockHash: hash });
      blocks.push({ number, hash, logs: logs.map((log) => Number(log.logIndex)) });
    }
    return blocks;
  };
  const commands = {
    mine: async (count) => {
      for (let number = 0; number < Number(count); number += 1) await send({ to });
      return Number(await ask("eth_blockNumber"));
    },
    keep: async () => (kept = await ask("evm_snapshot")),
    revert: () => ask("evm_revert", kept),
    tell,
  };
  console.log(JSON.stringify({ port: server.address().port, contract: to }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, argument] = line.split(" ");
    console.log(JSON.stringify(await commands[command](argument)));
  }
  process.exit(0);
}

main();
