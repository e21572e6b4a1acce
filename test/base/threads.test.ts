import { describe, expect, it } from 'vitest';
import { startThread } from '../../src/base/threads.ts';

describe('startThread', () => {
  it('answers jobs in their order, and goes on after one that failed', async () => {
    const thread = await startThread<number, number>('./thread-that-ends', import.meta.url, undefined);
    const answers = await Promise.allSettled([1, 0, 3].map((job) => thread.run(job)));
    expect(answers).toMatchObject([{ value: 2 }, { reason: { message: 'nothing to double' } }, { value: 6 }]);
    await thread.end();
  });

  it('fails jobs that were waiting when the thread ended, and those that come later', async () => {
    const thread = await startThread<number, number>('./thread-that-ends', import.meta.url, undefined);
    const answers = await Promise.allSettled([-1, 2].map((job) => thread.run(job)));
    for (const answer of answers) expect(answer).toMatchObject({ reason: { code: 'worker-lost' } });
    await expect(thread.run(3)).rejects.toMatchObject({ code: 'worker-lost' });
  });
});
