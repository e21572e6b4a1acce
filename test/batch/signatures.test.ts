/** What came through a queue is taken only from those who have the key. */
import { describe, expect, it } from 'vitest';
import { fromStored, readStored } from '../../src/batch/queued-event.ts';
import { Signer } from '../../src/batch/signatures.ts';

const KEY = 'a key that nobody guesses';

describe('a signer', () => {
  it.each([KEY, undefined])('with the key %s gives back what was closed', (key) => {
    const value = { text: 'ä "', list: [1, null] };
    expect(new Signer(key).open('event 1', new Signer(key).sign('event 1', value))).toEqual(value);
  });

  it('takes nothing else', () => {
    const closed = new Signer(KEY).sign('event 1', { folder: '/a' });
    const forged = [
      ['event 2', closed],
      ['answer 1', closed],
      ['event 1', { ...closed, text: '{"folder":"/b"}' }],
      ['event 1', { text: closed.text }],
      ['event 1', { ...closed, signature: '' }],
      ['event 1', new Signer('another key, as long as it').sign('event 1', { folder: '/a' })],
      ...[null, 'text', [], {}, { text: 1 }].map((value) => ['event 1', value]),
    ] as [string, unknown][];
    for (const [purpose, signed] of forged) {
      expect(() => new Signer(KEY).open(purpose, signed)).toThrow(/is not taken/);
    }
    expect(() => new Signer(undefined).open('event 1', closed)).toThrow(/no key here/);
    expect(() => new Signer(undefined).open('event 1', { text: '{' })).toThrow(/it is damaged/);
  });

  it('names a value as nobody without the key can', () => {
    const names = [undefined, KEY, `${KEY}!`].map((key) => new Signer(key).nameOf(['/out', 'e1']));
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{64}$/);
  });
});

const EVENT = {
  event: {
    id: 'e1',
    video: 'a.mp4',
    facts: { sha256: 'ab', clip: { path: '/a.mp4' } },
    span: { startSec: 0, endSec: 1 },
    listed: [],
  },
  folder: '/out',
  outputs: ['json'],
  settings: { choice: {}, analysis: { target: { kind: 'oblivious' } }, draw: {} },
  keys: { json: 'k' },
};

describe('a job', () => {
  const signer = new Signer(undefined);
  const turns = { tried: [], lacking: {}, attempts: 0 };

  it('is read', () => {
    const stored = readStored({ event: signer.sign('event j', EVENT), turns });
    expect(fromStored(stored, signer, 'j')).toEqual(EVENT);
  });

  it.each<[string, unknown]>([
    ['nothing', null],
    ['an id that is no text', { ...EVENT, event: { ...EVENT.event, id: 7 } }],
    ['no video', { ...EVENT, event: { ...EVENT.event, facts: {} } }],
    ['a relative folder', { ...EVENT, folder: '../x' }],
    ['an unknown output', { ...EVENT, outputs: ['../../etc/passwd'] }],
    ['no settings', { ...EVENT, settings: null }],
    ['keys that are no texts', { ...EVENT, keys: { json: 1 } }],
  ])('with %s is refused in words', (_, event) => {
    const stored = readStored({ event: signer.sign('event j', event), turns });
    expect(() => fromStored(stored, signer, 'j')).toThrow(
      expect.objectContaining({ code: 'answer-invalid', message: expect.stringMatching(/^a job of the queue cannot/) }),
    );
  });

  it.each([null, 7, {}, { event: {} }, { event: { text: '' }, turns: { ...turns, attempts: -1 } }])(
    'that is %j is refused in words',
    (data) => {
      expect(() => readStored(data)).toThrow(expect.objectContaining({ code: 'answer-invalid' }));
    },
  );
});
