import { linkSync, mkdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { readText, writeWhole } from './stamp.mjs';

const pollMs = 250;
const abandonedMs = 10_000;

/** @typedef {{ child: (pid: number | null) => void, release: () => void }} Lock */

/**
 * Takes the lock that allows one set-up at a time in a clone: waits for another set-up and takes over a lock whose
 * owner died. A dead owner's npm or pip may still be writing, so its lock holds until that child is gone too.
 *
 * @param {string} path
 * @param {{ onWait: (pid: number) => void, isStopped: () => boolean }} options
 * @returns {Promise<Lock | null>} null when stopped meanwhile
 */
export async function takeLock(path, { onWait, isStopped }) {
  mkdirSync(dirname(path), { recursive: true });
  const owner = identify(process.pid);
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify({ owner, child: null }));
  try {
    let hasSaidSo = false;
    while (!tryLink(draft, path)) {
      const holder = readHolder(path);
      if (holder && !isAlive(holder.owner) && !isAlive(holder.child)) {
        takeAway(path);
        continue;
      }
      if (holder && !hasSaidSo) {
        hasSaidSo = true;
        onWait(holder.owner?.pid ?? 0);
      }
      await sleep(pollMs);
      if (isStopped()) return null;
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return {
    child: (pid) => writeWhole(path, JSON.stringify({ owner, child: pid === null ? null : identify(pid) })),
    release: () => rmSync(path, { force: true }),
  };
}

/**
 * @param {string} draft
 * @param {string} path
 */
function tryLink(draft, path) {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes the lock of a dead owner. Two waiters may both see the owner as dead: checking again under a guard lock
 * protects a newly taken lock.
 *
 * @param {string} path
 */
function takeAway(path) {
  const guard = `${path}.takeover`;
  try {
    mkdirSync(guard);
  } catch {
    const stat = statSync(guard, { throwIfNoEntry: false });
    if (stat && Date.now() - stat.mtimeMs > abandonedMs) rmSync(guard, { recursive: true, force: true });
    return;
  }
  const holder = readHolder(path);
  if (holder && !isAlive(holder.owner) && !isAlive(holder.child)) rmSync(path, { force: true });
  rmdirSync(guard);
}

/** @typedef {{ pid: number, started: string | null } | null} Identity */

/**
 * @param {string} path
 * @returns {{ owner: Identity, child: Identity } | null}
 */
function readHolder(path) {
  try {
    return JSON.parse(readText(path) ?? 'null');
  } catch {
    return { owner: null, child: null };
  }
}

/**
 * Identifies a process by its id and start time, since the id alone may have been reused.
 *
 * @param {number} pid
 * @returns {{ pid: number, started: string | null }}
 */
function identify(pid) {
  const stat = readText(`/proc/${pid}/stat`);
  return { pid, started: stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null };
}

/** @param {Identity} identity */
function isAlive(identity) {
  if (!identity) return false;
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return identify(identity.pid).started === identity.started;
}
