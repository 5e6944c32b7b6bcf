#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { runCommandLine } from './commands/command-line.ts';

const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());

process.exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  out: (line) => process.stdout.write(line),
  err: (line) => process.stderr.write(line),
  readInput: () => text(process.stdin),
  signal: stop.signal,
});
