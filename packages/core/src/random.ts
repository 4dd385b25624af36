import { randomFillSync } from 'node:crypto'

/** Randomness as a dependency, so that tests can seed it. */
export interface Random {
  /** Uniform in [0, 1). */
  float(): number
  /** Fills `target` and returns it. */
  fill<T extends Uint8Array>(target: T): T
}

/** The machine is asked for so many bytes at once: asked for each id, that was three quarters of what the id took. */
const pool = new Uint8Array(4_096)
/** Above it a target is filled by itself. */
const maxPooledBytes = 64
let poolPosition = pool.length

/** The machine's randomness. */
export const systemRandom: Random = {
  float: () => Math.random(),
  fill: (target) => {
    if (target.length > maxPooledBytes) return randomFillSync(target)
    if (poolPosition + target.length > pool.length) {
      randomFillSync(pool)
      poolPosition = 0
    }
    const end = poolPosition + target.length
    target.set(pool.subarray(poolPosition, end))
    // Whoever reads this memory later learns nothing of what was handed out.
    pool.fill(0, poolPosition, end)
    poolPosition = end
    return target
  },
}

/** A repeatable sequence for tests and simulations; not for secrets. The same seed gives the same sequence for ever (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const float = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return {
    float,
    fill: (target) => {
      for (let index = 0; index < target.length; index++) target[index] = Math.floor(float() * 256)
      return target
    },
  }
}

/** An integer in [0, bound). */
export function randomInt(random: Random, bound: number): number {
  return Math.floor(random.float() * bound)
}
