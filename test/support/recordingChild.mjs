#!/usr/bin/env node
// Stands before a real child as its interpreter: notes every byte that it is sent in RECORD_TO.<pid>, and changes nothing.
// What it is sent to stage waits as long as there is RECORD_TO.hold.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { RECORD_TO, RECORDED_PYTHON } = process.env;
const child = spawn(RECORDED_PYTHON, process.argv.slice(2), { stdio: ['pipe', 'inherit', 'inherit'] });
child.on('exit', (code) => process.exit(code ?? 1));
for await (const bytes of process.stdin) {
  appendFileSync(`${RECORD_TO}.${process.pid}`, bytes);
  if (bytes.includes('"method":"stage"')) while (existsSync(`${RECORD_TO}.hold`)) await sleep(10);
  child.stdin.write(bytes);
}
child.stdin.end();
