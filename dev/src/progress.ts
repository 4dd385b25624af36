import type { PartState } from './part.ts'

export type OutputStyle = 'terminal' | 'plain' | 'json'

interface PartLine {
  readonly name: string
  state: PartState
  detail: string
  startedAtMs: number
  tookMs: number | undefined
}

/** What the gateway shows of the start; written to a file at every change. */
export interface StartStatus {
  readonly parts: readonly {
    readonly name: string
    readonly state: PartState
    readonly detail: string
    readonly ms: number | null
  }[]
}

const marks: Readonly<Record<PartState, string>> = {
  waiting: '..',
  starting: '..',
  ready: 'ok',
  failed: 'FAILED',
  stopped: '--',
}
const colours: Readonly<Record<PartState, string>> = {
  waiting: '2',
  starting: '33',
  ready: '32',
  failed: '31',
  stopped: '2',
}
const nameWidth = 20

/** Tells people how the start goes: one line per part, rewritten in place on a terminal, plain lines when piped, JSON on demand. */
export class Progress {
  readonly #style: OutputStyle
  readonly #hasColour: boolean
  readonly #write: (text: string) => void
  readonly #onStatus: (status: StartStatus) => void
  readonly #parts = new Map<string, PartLine>()
  #drawnLines = 0
  #isBlockOpen = true

  constructor(options: {
    readonly style: OutputStyle
    readonly hasColour: boolean
    readonly write: (text: string) => void
    readonly onStatus: (status: StartStatus) => void
  }) {
    this.#style = options.style
    this.#hasColour = options.hasColour
    this.#write = options.write
    this.#onStatus = options.onStatus
  }

  /** A line of its own. `fields` go out with `--json` only. */
  say(event: string, text: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (this.#style === 'json') return this.#write(`${JSON.stringify({ event, ...fields })}\n`)
    this.#clearBlock()
    this.#write(`${text}\n`)
    this.#drawBlock()
  }

  part(name: string, state: PartState, detail: string): void {
    const line = this.#parts.get(name) ?? {
      name,
      state,
      detail,
      startedAtMs: performance.now(),
      tookMs: undefined,
    }
    const isSame = this.#parts.has(name) && line.state === state && line.detail === detail
    if (state === 'starting' && line.state !== 'starting') line.startedAtMs = performance.now()
    line.tookMs = state === 'ready' ? performance.now() - line.startedAtMs : undefined
    line.state = state
    line.detail = detail
    this.#parts.set(name, line)
    if (isSame) return
    this.#onStatus(this.#status())
    this.#show(line)
  }

  /** The start is over: the block stays as it is, later changes are lines of their own. */
  closeBlock(): void {
    this.#isBlockOpen = false
    this.#drawnLines = 0
  }

  #show(line: PartLine): void {
    if (this.#style === 'json') {
      const ms = line.tookMs === undefined ? null : Math.round(line.tookMs)
      return this.#write(
        `${JSON.stringify({ event: 'part', name: line.name, state: line.state, detail: line.detail, ms })}\n`,
      )
    }
    if (this.#style === 'terminal' && this.#isBlockOpen) {
      this.#clearBlock()
      return this.#drawBlock()
    }
    const isWorthALine =
      line.state === 'ready' ||
      line.state === 'failed' ||
      (line.state === 'starting' && line.detail !== '')
    if (isWorthALine) this.#write(`${this.#format(line)}\n`)
  }

  #status(): StartStatus {
    return {
      parts: [...this.#parts.values()].map((line) => ({
        name: line.name,
        state: line.state,
        detail: line.detail,
        ms: line.tookMs === undefined ? null : Math.round(line.tookMs),
      })),
    }
  }

  #clearBlock(): void {
    if (this.#style !== 'terminal' || this.#drawnLines === 0) return
    this.#write(`\u001b[${this.#drawnLines}A\u001b[0J`)
    this.#drawnLines = 0
  }

  #drawBlock(): void {
    if (this.#style !== 'terminal' || !this.#isBlockOpen) return
    for (const line of this.#parts.values()) this.#write(`${this.#format(line)}\n`)
    this.#drawnLines = this.#parts.size
  }

  #format(line: PartLine): string {
    const mark = marks[line.state].padEnd(6)
    const coloured = this.#hasColour ? `\u001b[${colours[line.state]}m${mark}\u001b[0m` : mark
    const seconds = line.tookMs === undefined ? '' : `${(line.tookMs / 1000).toFixed(1)} s`
    const detail = this.#style === 'terminal' ? line.detail.slice(0, 90) : line.detail
    return `  ${coloured} ${line.name.padEnd(nameWidth)} ${seconds.padStart(6)}   ${detail}`.trimEnd()
  }
}
