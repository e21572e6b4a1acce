/**
 * Which workers are at a queue. Each renews its entry while it lives, by the clock of the server; an entry that is not
 * renewed is that of a worker that has gone. Whoever gives an event up needs to know that nobody else is left to try it.
 */
import type { Redis } from 'ioredis';

/** See the top of this file. */
export class Roster {
  readonly #redis: Redis;
  readonly #key: string;

  /** @param queue its name */
  constructor(redis: Redis, queue: string) {
    this.#redis = redis;
    this.#key = `${queue}:workers`;
  }

  /** Names of the workers that live. */
  async present(): Promise<ReadonlySet<string>> {
    return new Set(await this.#redis.zrangebyscore(this.#key, `(${await this.#nowMs()}`, '+inf'));
  }

  /**
   * Enters a worker, and renews its entry until it leaves.
   *
   * @param leaseMs how long an entry holds
   * @returns how to leave
   */
  async enter(worker: string, leaseMs: number): Promise<() => Promise<void>> {
    const renew = async (): Promise<void> => {
      const nowMs = await this.#nowMs();
      await this.#redis.zadd(this.#key, nowMs + leaseMs, worker);
      await this.#redis.zremrangebyscore(this.#key, '-inf', nowMs);
    };
    await renew();
    // While the server is away nobody asks for the entry; it is renewed once the server is there again.
    const timer = setInterval(() => void renew().catch(() => {}), leaseMs / 3);
    return async () => {
      clearInterval(timer);
      if (this.#redis.status === 'ready') await this.#redis.zrem(this.#key, worker).catch(() => {});
    };
  }

  async #nowMs(): Promise<number> {
    const [seconds, microseconds] = await this.#redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }
}
