// node-postgres as bots use it; where the server is, libpq's variables say. Ends with 0 where all was right.
const assert = require("node:assert");
const { Client, Pool } = require("pg");

async function one() {
  const db = new Client({ application_name: "bot" });
  await db.connect();
  await db.query("create table n (a int primary key, b text)");
  for (let number = 0; number < 10; number++) {
    const insert = { name: "insert", text: "insert into n values ($1, $2)", values: [number, `row ${number}`] };
    assert.strictEqual((await db.query(insert)).rowCount, 1);
  }
  await assert.rejects(db.query({ name: "insert", text: "insert into n values ($1, $2)", values: [1, "x"] }), { code: "23505" });
  await db.query("begin");
  await db.query("delete from n");
  await db.query("rollback");
  assert.strictEqual((await db.query("select count(*)::int as count from n")).rows[0].count, 10);
  assert.strictEqual((await db.query("show application_name")).rows[0].application_name, "bot");
  await db.end();
}

async function many() {
  const pool = new Pool({ max: 20 });
  const ask = async (number) => {
    const query = { name: "token", text: "select $1::text as token", values: [`${number}`] };
    assert.strictEqual((await pool.query(query)).rows[0].token, `${number}`);
  };
  await Promise.all(Array.from({ length: 400 }, (_, number) => ask(number)));
  await pool.end();
}

one().then(many).catch((error) => {
  console.error(error);
  process.exit(1);
});
