import { readFile } from 'node:fs/promises'
import type { StartPart } from './overview.ts'

const states = new Set(['waiting', 'starting', 'ready', 'failed'])
const maxParts = 100

/** Reads how the start goes on from the file that a supervisor rewrites. */
export class StartStatus {
  readonly #path: string | null
  readonly #readyOnce = new Set<string>()
  #last: { readonly parts: readonly StartPart[] } | null = null

  constructor(path: string | null) {
    this.#path = path
  }

  /** What the file says; the last known state while it is just being written, null while there is none. */
  async read(): Promise<{ readonly parts: readonly StartPart[] } | null> {
    if (this.#path === null) return null
    try {
      const value = JSON.parse(await readFile(this.#path, 'utf8')) as { parts?: unknown } | null
      if (Array.isArray(value?.parts)) {
        this.#last = { parts: value.parts.slice(0, maxParts).flatMap(startPartOf) }
        for (const { name, state } of this.#last.parts)
          if (state === 'ready' && this.#readyOnce.size < maxParts) this.#readyOnce.add(name)
      }
    } catch {
      // Absent or half written: it is looked at again in a second, and what was known before still holds.
    }
    return this.#last
  }

  /** Whether a part was ready at some look of this process. */
  hasBeenReady(part: string): boolean {
    return this.#readyOnce.has(part)
  }
}

function startPartOf(value: unknown): StartPart[] {
  const { name, state, detail, ms } = (value ?? {}) as Record<string, unknown>
  if (typeof name !== 'string' || typeof state !== 'string' || !states.has(state)) return []
  return [
    {
      name,
      state: state as StartPart['state'],
      detail: typeof detail === 'string' ? detail : null,
      ms: typeof ms === 'number' ? ms : null,
    },
  ]
}
