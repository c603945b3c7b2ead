import { createHash } from 'node:crypto';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { wavHeader } from '../wavHeader.mjs';

/**
 * What the clients of a run know of a task.
 *
 * @typedef {object} Known
 * @property {string} taskId
 * @property {string} filename
 * @property {number} deletesSent how often its deletion was asked for; the first may have been carried out
 * @property {boolean} isDeleted its deletion was confirmed
 * @property {boolean} isCancelled its cancellation was confirmed
 * @property {'files' | 'row' | undefined} expired its time came
 * @property {string | undefined} ended how it ended, once that was seen
 * @property {number} attempts the most that were seen
 */

const ENDED = ['completed', 'failed', 'cancelled'];
const FIELDS = { instruments: 'drums,bass' };

/** The clients of one run: they do what they are told, and hold every answer against those before it. */
export class Clients {
  /** @type {Known[]} */
  tasks = [];
  /** @type {string[]} what no server may do */
  breaches = [];
  posts = 0;
  /** @type {Set<string>} submissions of which nobody knows whether they became a task */
  unanswered = new Set();

  /**
   * Sends again, under their keys, the submissions whose answer was lost.
   *
   * @param {string} url
   * @param {() => boolean} isOver
   */
  async sendAgain(url, isOver) {
    await this.act(url, Array(this.unanswered.size).fill({ do: 'repeat' }), isOver);
  }

  /**
   * @param {string} url
   * @param {import('./choices.mjs').Action[]} actions one after the other, until the server is gone
   * @param {() => boolean} isOver
   */
  async act(url, actions, isOver) {
    for (const action of actions) {
      if (isOver()) return;
      await this.#take(url, action).catch((error) => {
        // The connection broke: the server was killed, or stopped. What it did before, the end will show.
        if (!(error instanceof TypeError) && error.code === undefined) throw error;
      });
    }
  }

  /**
   * @param {string} url
   * @param {import('./choices.mjs').Action} action
   */
  async #take(url, action) {
    if (action.do === 'pause') return sleep(action.ms);
    if (action.do === 'submit') return this.#submit(url);
    if (action.do === 'repeat') return this.#submit(url, ...this.unanswered);
    if (action.do === 'cut') return this.#cutUpload(url);
    if (action.do === 'list') return this.#list(url);
    const known = this.tasks[action.which % this.tasks.length];
    if (!known) return this.#submit(url);
    if (action.do === 'cancel') return this.#cancel(url, known);
    if (action.do === 'delete') return this.#delete(url, known);
    if (action.do === 'poll') return this.#poll(url, known);
    return this.#download(url, known);
  }

  /**
   * @param {string} url
   * @param {string} [filename] a submission that was sent before; without it a new one
   */
  async #submit(url, filename = `song-${(this.posts += 1)}.wav`) {
    this.unanswered.add(filename);
    const form = new FormData();
    for (const [name, value] of Object.entries(FIELDS)) form.append(name, value);
    form.append('file', new Blob([songOf(filename)]), filename);
    const answer = await fetch(`${url}/api/v1/separate`, {
      ...{ method: 'POST', body: form },
      headers: { 'Idempotency-Key': filename },
    });
    const body = await answer.json();
    this.unanswered.delete(filename);
    if (answer.status === 201) {
      this.tasks.push({
        taskId: body.task_id,
        filename,
        deletesSent: 0,
        isDeleted: false,
        isCancelled: false,
        expired: undefined,
        ended: undefined,
        attempts: 0,
      });
    } else this.#expect('a submission', answer.status, [503], body);
  }

  /**
   * Half an upload, and then nothing more.
   *
   * @param {string} url
   */
  async #cutUpload(url) {
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const head = '--x\r\nContent-Disposition: form-data; name="file"; filename="cut.wav"\r\n\r\n';
    socket.write(
      `POST /api/v1/separate HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${head.length + SONG.length}\r\n` +
        `Content-Type: multipart/form-data; boundary=x\r\n\r\n${head}`,
    );
    await new Promise((resolve) => socket.write(SONG.subarray(0, SONG.length / 2), resolve));
    socket.destroy();
  }

  /** @param {string} url */
  async #list(url) {
    const answer = await fetch(`${url}/api/v1/tasks?limit=200`);
    const body = await answer.json();
    this.#expect('a list', answer.status, [200], body);
  }

  /**
   * @param {string} url
   * @param {Known} known
   */
  async #poll(url, known) {
    const { ended, attempts, isDeleted } = known;
    const answer = await fetch(`${url}/api/v1/tasks/${known.taskId}`);
    const task = await answer.json();
    this.#expect('a poll', answer.status, this.#mayBeGone(known) ? [200, 404] : [200], task);
    if (answer.status !== 200) return;
    if (isDeleted) this.#breach(known, 'is shown after its deletion was confirmed');
    if (ended !== undefined && task.status !== ended)
      this.#breach(known, `was ${ended} and is ${task.status}`);
    if (task.attempts < attempts) this.#breach(known, `had ${attempts} attempts and has ${task.attempts}`);
    known.attempts = Math.max(known.attempts, task.attempts);
    if (ENDED.includes(task.status)) known.ended = task.status;
  }

  /**
   * @param {string} url
   * @param {Known} known
   */
  async #cancel(url, known) {
    const answer = await fetch(`${url}/api/v1/tasks/${known.taskId}/cancel`, { method: 'POST' });
    const body = await answer.json();
    this.#expect('a cancel', answer.status, this.#mayBeGone(known) ? [200, 404, 409] : [200, 409], body);
    if (answer.status !== 200) return;
    if (known.ended !== undefined) this.#breach(known, `was ${known.ended} and could be cancelled`);
    known.isCancelled = true;
    known.ended = 'cancelled';
  }

  /**
   * @param {string} url
   * @param {Known} known
   */
  async #delete(url, known) {
    known.deletesSent += 1;
    const answer = await fetch(`${url}/api/v1/tasks/${known.taskId}`, { method: 'DELETE' });
    // Of two at the same time, that of the other client may have come first.
    const mayBeGone = known.deletesSent > 1 || known.expired === 'row';
    this.#expect('a deletion', answer.status, mayBeGone ? [204, 404] : [204], await answer.text());
    known.isDeleted = true;
  }

  /**
   * @param {string} url
   * @param {Known} known
   */
  async #download(url, known) {
    const answer = await fetch(`${url}/api/v1/tasks/${known.taskId}/results`);
    const body = await answer.json();
    this.#expect(
      'results',
      answer.status,
      this.#mayBeGone(known) ? [200, 404, 409, 410] : [200, 409, 410],
      body,
    );
    for (const stem of answer.status === 200 ? body.stems : []) {
      const file = await fetch(new URL(stem.url, url));
      const bytes = Buffer.from(await file.arrayBuffer());
      // Deleted by the other client between the two questions.
      if (file.status !== 200 && known.deletesSent > 0) return;
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      if (file.status !== 200 || sha256 !== stem.sha256)
        this.#breach(known, `gives out a broken ${stem.filename}`);
    }
  }

  /** @param {Known} known */
  #mayBeGone(known) {
    return known.deletesSent > 0 || known.expired === 'row';
  }

  /**
   * @param {Known} known
   * @param {string} what
   */
  #breach(known, what) {
    this.breaches.push(`${known.filename} (${known.taskId}) ${what}`);
  }

  /**
   * @param {string} what
   * @param {number} status
   * @param {number[]} allowed
   * @param {unknown} body
   */
  #expect(what, status, allowed, body) {
    if (!allowed.includes(status))
      this.breaches.push(`${what} was answered ${status}: ${JSON.stringify(body)}`);
  }
}

/** A quarter of a second of 16-bit stereo, not silent. */
const SONG = Buffer.concat([wavHeader(11_025, 44_100), Buffer.alloc(11_025 * 4, 0x21)]);

/** The same as its recorder left it when it crashed, without its lengths: it is staged before it is separated. */
const UNCLOSED = Buffer.from(SONG).fill(0, 4, 8).fill(0, 40, 44);

/** @param {string} filename */
const songOf = (filename) => (/[03-9][.]wav$/.test(filename) ? SONG : UNCLOSED);
