// Token buckets in whole numbers. A bucket's level counts what was taken, in tokens times the window's microseconds, so
// that a refill of n tokens a window is exactly n a microsecond; 0 is a full bucket.
import type { RateLimit } from "../../compiler/ast.ts";

interface Bucket {
  readonly level: bigint;
  readonly atUs: bigint;
}

export class RateBook {
  /** Each limit counts on its own, two of one pattern too. */
  private readonly buckets = new Map<RateLimit, Map<string, Bucket>>();

  /** Microseconds until the limit has a token for this agent: 0 when it has one. Nothing is taken. */
  waitUs(agentId: string, limit: RateLimit, nowUs: bigint): bigint {
    const n = BigInt(limit.count);
    const lacking = this.levelNow(agentId, limit, nowUs) + windowUs(limit) - n * windowUs(limit);
    return lacking <= 0n ? 0n : (lacking + n - 1n) / n;
  }

  take(agentId: string, limit: RateLimit, nowUs: bigint): void {
    const level = this.levelNow(agentId, limit, nowUs) + windowUs(limit);
    const ofAgents = this.buckets.get(limit) ?? new Map<string, Bucket>();
    this.buckets.set(limit, ofAgents.set(agentId, { level, atUs: nowUs }));
  }

  private levelNow(agentId: string, limit: RateLimit, nowUs: bigint): bigint {
    const bucket = this.buckets.get(limit)?.get(agentId);
    if (bucket === undefined) return 0n;
    const level = bucket.level - BigInt(limit.count) * (nowUs - bucket.atUs);
    return level < 0n ? 0n : level;
  }
}

const windowUs = (limit: RateLimit): bigint => BigInt(limit.windowMs) * 1000n;
