import type { Named } from './options.ts'

/** How records are shown, one line each: `[<label>]: <key>, <value>`. */
export interface PrintOptions<K, V> extends Named {
  /** Default: the name of the step before. */
  readonly label?: string
  /** Default: key and value as text, with a comma between. */
  readonly format?: (value: V, key: K) => string
  /** Takes a line, without its end. Default: standard output. */
  readonly write?: (line: string) => void
}

export function printer<K, V>(
  source: string,
  options: PrintOptions<K, V>,
): (value: V, key: K) => void {
  const { label = source, format = shownPair, write = toStandardOutput } = options
  return (value, key) => write(`[${label}]: ${format(value, key)}`)
}

function shownPair(value: unknown, key: unknown): string {
  return `${shown(key)}, ${shown(value)}`
}

/** Text as it is; objects as JSON, since `String` would not show them. */
function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
}

function toStandardOutput(line: string): void {
  process.stdout.write(`${line}\n`)
}
