import { expect, it } from 'vitest';
import { Recent } from '../../src/base/recent.ts';

it('forgets what was used longest ago', () => {
  const recent = new Recent<string, number>(2);
  recent.set('a', 1);
  recent.set('b', 2);
  expect(recent.get('a')).toBe(1); // used: b is the older one now
  recent.set('c', 3);
  expect([recent.get('a'), recent.get('b'), recent.get('c')]).toEqual([1, undefined, 3]);
  recent.delete('a');
  recent.set('d', 4);
  expect([recent.get('a'), recent.get('c'), recent.get('d')]).toEqual([undefined, 3, 4]);
});

it('makes room by weight, also for a value that grows, and keeps the last one whatever it weighs', () => {
  const recent = new Recent<string, number>(10);
  recent.set('a', 1, 4);
  recent.set('b', 2, 4);
  recent.set('b', 2, 6); // in its own place, not beside it
  expect(recent.get('a')).toBe(1);
  recent.set('c', 3, 1);
  expect([recent.get('b'), recent.get('a'), recent.get('c')]).toEqual([undefined, 1, 3]);
  recent.set('d', 4, 50);
  expect([recent.get('a'), recent.get('c'), recent.get('d')]).toEqual([undefined, undefined, 4]);
  recent.set('e', 5, 1);
  expect([recent.get('d'), recent.get('e')]).toEqual([undefined, 5]);
});
