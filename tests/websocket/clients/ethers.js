// ethers on a node: tells of each block and each log that it is told of.
//
//     node ethers.js URL CONTRACT
//
// Each line of stdin has it ask the node by the same connection for its height. It ends with its stdin.

const readline = require("node:readline");
const { WebSocketProvider } = require("ethers");

async function main() {
  const provider = new WebSocketProvider(process.argv[2]);
  const tell = (what) => console.log(JSON.stringify(what));
  await provider.on("block", (number) => tell({ head: { number } }));
  await provider.on({ address: process.argv[3] }, (log) => tell({ log: { block: log.blockHash, index: log.index, removed: log.removed } }));
  // It does not say when it has subscribed: that is before the last of these is answered.
  for (let turn = 0; turn < 3; turn += 1) await provider.send("eth_blockNumber", []);
  tell({ ready: true });
  for await (const _line of readline.createInterface({ input: process.stdin })) {
    tell({ height: Number(await provider.send("eth_blockNumber", [])) });
  }
  process.exit(0);
}

main();
