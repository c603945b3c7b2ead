#!/usr/bin/env node
// Stands before a real child as its interpreter: notes every byte that it is sent in RECORD_TO.<pid>, and changes nothing.
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';

const { RECORD_TO, RECORDED_PYTHON } = process.env;
const child = spawn(RECORDED_PYTHON, process.argv.slice(2), { stdio: ['pipe', 'inherit', 'inherit'] });
process.stdin.on('data', (bytes) => {
  appendFileSync(`${RECORD_TO}.${process.pid}`, bytes);
  child.stdin.write(bytes);
});
process.stdin.on('end', () => child.stdin.end());
child.on('exit', (code) => process.exit(code ?? 1));
