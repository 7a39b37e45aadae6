// What a TypeScript client does with a server: as scenario.py, which says what a plan
// and a report hold.

import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const GONE_MILLISECONDS = 15_000;
const POLL_MILLISECONDS = 20;
const HANDSHAKE_VERSION = '2025-11-25';
const LINES_WANTED = 3;
const LINES_BEFORE_THE_CUT = 2;

const COUNT =
  'for n in $(seq 30); do' +
  ' if [ -e enough ]; then break; fi; echo "line $n"; sleep 0.5; ' +
  'done; echo end';
const FLOOD = 'yes | head -c 67108864';
const BYSTANDER = 'until [ -e freed ]; do sleep 0.05; done; echo spared';
const SLEEP = 'echo $$ >cancel.pid; sleep 300';
const HANG = 'echo $$ >hang.pid; until [ -e end ]; do sleep 0.1; done; echo >ended';

// The two packages name these functions alike, so one driver does for both. `call` is
// what differs: it takes a client, a tool, its arguments, and `onprogress` and `signal`.
export async function main({ name, connect, call }) {
  const plan = JSON.parse(await text(process.stdin));
  const { client, protocol } = await connect(plan);
  const driver = {
    protocol,
    call: (tool, given, options) => attempt(call(client, tool, given, options)),
    ping: () => client.ping(),
  };
  const report = {
    client: versionOf(name),
    protocol,
    server: client.getServerVersion().name,
    tools: (await client.listTools()).tools.map(tool => tool.name),
  };
  for (const step of plan.steps) report[step] = await STEPS[step](driver, plan);
  await client.close();
  process.stdout.write(JSON.stringify(report));
}

// The version of an installed package.
function versionOf(name) {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).version;
}

async function attempt(call) {
  try {
    return await call;
  } catch (refused) {
    return { error: { code: refused.code, message: refused.message, name: refused.name } };
  }
}

const STEPS = {
  async results(driver, plan) {
    const results = {};
    for (const [name, [tool, given]] of Object.entries(plan.calls)) {
      results[name] = await driver.call(tool, given, {});
    }
    return results;
  },

  async overlap(driver, plan) {
    const long = run(
      driver, plan, 'echo >begun; until [ -e done ]; do sleep 0.05; done; echo b',
    );
    const short = await run(
      driver, plan, 'until [ -e begun ]; do sleep 0.05; done; echo a',
    );
    if (driver.protocol <= HANDSHAKE_VERSION) await driver.ping();
    await run(driver, plan, 'echo >done');
    return [said(short), said(await long)];
  },

  async progress(driver, plan) {
    const counted = await count(driver, plan, { [LINES_WANTED]: 'enough' });
    const flood = await run(driver, plan, FLOOD, { onprogress: () => {} });
    return { ...counted, flood };
  },

  async cut(driver, plan) {
    const before = LINES_BEFORE_THE_CUT;
    return await count(driver, plan, { [before]: 'cut', [before + LINES_WANTED]: 'enough' });
  },

  async cancel(driver, plan) {
    const giving = new AbortController();
    const bystander = run(driver, plan, BYSTANDER);
    const call = run(driver, plan, SLEEP, { signal: giving.signal });
    const pid = await pidIn(join(plan.directory, 'cancel.pid'));
    giving.abort();
    const gone = await isGone(pid);
    const outcome = JSON.stringify(await call);
    const after = await run(driver, plan, 'echo >freed; echo after');
    return { gone, outcome, said: [said(after), said(await bystander)] };
  },

  async jobs(driver, plan) {
    const results = {};
    for (const [name, tool, given] of plan.script) {
      results[name] = await driver.call(tool, filled(given, results), {});
    }
    return results;
  },

  async hang(driver, plan) {
    return await run(driver, plan, HANG);
  },
};

// Hears lines, and makes a file when so many were heard.
async function count(driver, plan, files) {
  const notes = [];
  const onprogress = ({ progress, total, message }) => {
    notes.push({ progress, total: total ?? null, message: message ?? null });
    if (notes.length in files) touch(join(plan.directory, files[notes.length]));
  };
  const result = await run(driver, plan, COUNT, { onprogress });
  return { notes, result };
}

// Arguments with the facts of earlier results that they stand for.
function filled(given, results) {
  const fact = value => {
    if (typeof value !== 'string' || !value.startsWith('$')) return value;
    const [name, member] = value.slice(1).split('.');
    return results[name].structuredContent?.[member] ?? '';
  };
  return Object.fromEntries(Object.entries(given).map(([k, v]) => [k, fact(v)]));
}

function run(driver, plan, command, options = {}) {
  const given = { command, working_directory: plan.directory, timeout: '40s' };
  return driver.call('execute_command', given, options);
}

function said(result) {
  return result.structuredContent.stdout.trim();
}

function touch(file) {
  closeSync(openSync(file, 'w'));
}

async function pidIn(file) {
  const deadline = Date.now() + GONE_MILLISECONDS;
  while (!existsSync(file) || !readFileSync(file, 'utf8').endsWith('\n')) {
    if (Date.now() > deadline) throw new Error(`no ${file}`);
    await sleep(POLL_MILLISECONDS);
  }
  return Number(readFileSync(file, 'utf8'));
}

async function isGone(pid) {
  const deadline = Date.now() + GONE_MILLISECONDS;
  while (Date.now() < deadline) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await sleep(POLL_MILLISECONDS);
  }
  return false;
}
