/** Errors keep what decisions are taken on, whichever borders they cross. */
import { mkdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { errorFrom, L2cafError, systemCodeOf, valuesOf } from '../../src/base/errors.ts';

it('finds the code of the system, whatever was made of its error', async () => {
  const system: unknown = await mkdir('/dev/null/below').catch((error: unknown) => error);
  expect(systemCodeOf(system)).toBe('ENOTDIR');
  const told = new L2cafError('output-unwritable', 'in other words', { cause: new Error('so', { cause: system }) });
  expect(systemCodeOf(told)).toBe('ENOTDIR');
  expect(systemCodeOf(new L2cafError('usage', 'ENOSPC: no space left on device, write'))).toBeUndefined();
  expect(systemCodeOf(Object.assign(new Error('no'), { code: 'ERR_INVALID_ARG_TYPE' }))).toBeUndefined();
  const circle = new Error('a');
  circle.cause = new Error('b', { cause: circle });
  expect(systemCodeOf(circle)).toBeUndefined();
  expect(systemCodeOf('ENOSPC')).toBeUndefined();
});

it('keeps code, hint, reason and place across JSON', () => {
  const cause = Object.assign(new Error('full'), { code: 'ENOSPC' });
  const error = new L2cafError('output-unwritable', 'cannot write', { hint: 'make room', cause });
  const other = errorFrom(JSON.parse(JSON.stringify(valuesOf(error))));
  expect(other).toBeInstanceOf(L2cafError);
  expect(other).toMatchObject({ code: 'output-unwritable', message: 'cannot write', hint: 'make room' });
  expect(systemCodeOf(other)).toBe('ENOSPC');
  expect((other.cause as Error).stack).toBe(error.stack);
});

it('keeps a bug a bug', () => {
  const bug = new TypeError('nobody foresaw this');
  const other = errorFrom(valuesOf(bug));
  expect(other).not.toBeInstanceOf(L2cafError);
  expect([other.message, other.stack]).toEqual([bug.message, bug.stack]);
  expect(errorFrom(valuesOf('a text')).message).toBe('a text');
});

it('quotes no more of an input than fits on a screen', () => {
  const { message } = new L2cafError('analysis-invalid', `it has the schema ${'0,'.repeat(5000)}\nsecond line`);
  const [first, second] = message.split('\n');
  expect(first).toHaveLength(1000);
  expect(first).toMatch(/^it has the schema 0,.* …$/);
  expect(second).toBe('second line');
});
