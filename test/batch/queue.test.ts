/** The address of a queue, and servers that are not there; what needs a server is in queue.slow.test.ts. */
import { describe, expect, it } from 'vitest';
import { connectQueue, parseQueueAddress } from '../../src/batch/queue-server.ts';

describe('an address', () => {
  it.each([
    ['redis://server', { host: 'server', port: 6379 }, 'redis://server:6379'],
    ['redis://:p%40ss@server:7000/2', { port: 7000, password: 'p@ss', db: 2 }, 'redis://server:7000/2'],
    ['rediss://user:word@[::1]', { host: '::1', username: 'user', password: 'word', tls: {} }, 'rediss://[::1]:6379'],
  ])('%s is read, and shown without its password', (text, options, shown) => {
    expect(parseQueueAddress(text)).toMatchObject({ options, shown });
  });

  it.each([
    'server:6379',
    'http://:word@server',
    'redis://:word@',
    'redis://:word@server/x',
    'redis://:pa%zz@server',
    'redis://:word@server/1e9',
  ])('%s is refused without being repeated', (text) => {
    expect(() => parseQueueAddress(text)).toThrow(/cannot be read$/);
  });
});

it('says in one line that nobody answers', async () => {
  await expect(connectQueue(parseQueueAddress('redis://:word@127.0.0.1:1'))).rejects.toMatchObject({
    code: 'queue-unavailable',
    message: expect.stringMatching(/^cannot reach the queue redis:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/),
  });
});
