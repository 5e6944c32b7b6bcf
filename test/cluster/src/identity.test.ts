import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

import { describe, expect, it } from '@jest/globals';

import { identify, isAlive, signal, startTimeOf } from './identity.ts';

const fields = (state: string): string => `${state} ${Array.from({ length: 18 }, (_, i) => i).join(' ')} 4711 99`;

describe('process identity', () => {
  it('[CL7] reads the start time behind a name with spaces and parentheses', () => {
    expect(startTimeOf(`12 (a) b (c) ${fields('S')}`)).toBe(4711);
    expect(startTimeOf('')).toBeUndefined();
  });

  it('[CL9] takes a process that nobody has waited for as ended', () => {
    expect(startTimeOf(`12 (x) ${fields('Z')}`)).toBeUndefined();
  });

  it('[CL7] knows itself, and not a process of another start time', () => {
    const self = identify(process.pid);
    expect(self?.startTime).toBe(startTimeOf(readFileSync('/proc/self/stat', 'utf8')));
    expect(isAlive({ pid: process.pid, startTime: self?.startTime ?? 0 })).toBe(true);
    expect(isAlive({ pid: process.pid, startTime: 1 })).toBe(false);
  });

  it('[CL8] signals only the recorded process', async () => {
    const child = spawn('sleep', ['60']);
    const ended = once(child, 'exit');
    await once(child, 'spawn');
    const identity = identify(child.pid ?? 0);
    if (identity === undefined) throw new Error('the child is not there');
    signal({ ...identity, startTime: identity.startTime + 1 }, 'SIGKILL');
    expect(isAlive(identity)).toBe(true);
    signal(identity, 'SIGTERM');
    expect((await ended)[1]).toBe('SIGTERM');
    expect(isAlive(identity)).toBe(false);
  });
});
