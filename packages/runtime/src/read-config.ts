import { unreachable } from '@millrace/core'
import type { ConfigEntry, ConfigTable, ConfigValues } from './config-table.ts'
import { RuntimeError } from './errors.ts'

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface ReadConfigOptions {
  readonly serviceName: string
  readonly table: ConfigTable
  readonly env: Environment
  /** Values that win over the environment; not checked again. */
  readonly overrides?: Readonly<Record<string, unknown>>
}

export interface ReadConfigResult {
  readonly values: Readonly<Record<string, unknown>>
  /** What is odd but does not stop a start in development. */
  readonly warnings: readonly string[]
}

/** `MILLRACE_` variables that mean something to the platform as a whole, though not to every service. */
const platformVariables = new Set(['MILLRACE_MODE', 'MILLRACE_FAULTS', 'MILLRACE_PARENT_PIPE'])

type Parsed = { readonly value: unknown } | { readonly fault: string }

/**
 * Reads every row of the table and collects all faults before it throws, so that one start shows them all.
 * Unknown variables with the service's prefix are faults; unknown `MILLRACE_` ones are warnings in development (the supervisor
 * and the tests hand their own switches down) and faults in production.
 * @throws RuntimeError `MR_RUNTIME_BAD_CONFIG` listing every fault
 */
export function readConfig(options: ReadConfigOptions): ReadConfigResult {
  const { table, env, overrides = {} } = options
  const values: Record<string, unknown> = {}
  const faults: string[] = []
  for (const [key, entry] of Object.entries(table)) {
    if (overrides[key] !== undefined) {
      values[key] = overrides[key]
      continue
    }
    const parsed = readEntry(entry, env[entry.env])
    if ('fault' in parsed) faults.push(`${entry.env}: ${parsed.fault} (${entry.doc})`)
    else values[key] = parsed.value
  }
  const unknown = unknownVariables(options)
  faults.push(...unknown.ofService)
  if (values['mode'] === 'production') faults.push(...unknown.ofPlatform)
  if (values['mode'] === 'production' && env['MILLRACE_FAULTS'])
    faults.push('MILLRACE_FAULTS: fault points are for tests; unset it in production.')
  if (faults.length > 0) throw configError(options.serviceName, faults)
  return { values, warnings: unknown.ofPlatform }
}

function configError(serviceName: string, faults: readonly string[]): RuntimeError {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`
  return new RuntimeError(
    'MR_RUNTIME_BAD_CONFIG',
    `${serviceName} cannot start, its configuration has ${count}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}\nRun it with --help to see every key.`,
    { serviceName, faults },
  )
}

function readEntry(entry: ConfigEntry, text: string | undefined): Parsed {
  const trimmed = text?.trim()
  if (trimmed === undefined || trimmed === '') {
    if (entry.default === undefined) return { fault: 'is required but not set' }
    return { value: entry.default }
  }
  const parsed = parseEntry(entry, trimmed)
  if (!('fault' in parsed)) return parsed
  return {
    fault: entry.secret ? parsed.fault : `${parsed.fault}, but is ${JSON.stringify(trimmed)}`,
  }
}

function parseEntry(entry: ConfigEntry, text: string): Parsed {
  switch (entry.type) {
    case 'string':
      if (entry.oneOf && !entry.oneOf.includes(text))
        return { fault: `must be one of ${entry.oneOf.join(', ')}` }
      return checkRange(text, text.length, 'characters', entry.minLength, entry.maxLength)
    case 'integer':
      if (!/^[+-]?\d{1,15}$/.test(text)) return { fault: 'must be a whole number' }
      return checkRange(Number(text), Number(text), '', entry.min, entry.max)
    case 'number':
      if (!/^[+-]?\d{1,15}(\.\d{1,15})?$/.test(text)) return { fault: 'must be a number' }
      return checkRange(Number(text), Number(text), '', entry.min, entry.max)
    case 'duration': {
      const ms = durationMs(text)
      if (ms === undefined) return { fault: 'must be a duration such as 250ms, 5s, 2m or 1h' }
      return checkRange(ms, ms, 'ms', entry.minMs, entry.maxMs)
    }
    case 'boolean':
      if (/^(true|1|yes|on)$/i.test(text)) return { value: true }
      if (/^(false|0|no|off)$/i.test(text)) return { value: false }
      return { fault: 'must be true or false' }
    case 'url':
      return isUrl(text, entry.protocols)
        ? { value: text }
        : {
            fault: `must be a URL${entry.protocols ? ` with ${entry.protocols.join(' or ')}` : ''}`,
          }
    case 'list': {
      const items = text.split(',').flatMap((item) => item.trim() || [])
      if (entry.items === 'url' && !items.every((item) => isUrl(item)))
        return { fault: 'must be a comma separated list of URLs' }
      return checkRange(items, items.length, 'items', entry.minItems, entry.maxItems)
    }
    default:
      return unreachable(entry)
  }
}

function checkRange(
  value: unknown,
  measure: number,
  unit: string,
  min: number | undefined,
  max: number | undefined,
): Parsed {
  const unitText = unit && ` ${unit}`
  if (min !== undefined && measure < min) return { fault: `must be at least ${min}${unitText}` }
  if (max !== undefined && measure > max) return { fault: `must be at most ${max}${unitText}` }
  return { value }
}

const msOfUnit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

function durationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(text)
  if (!match) return undefined
  return Math.round(Number(match[1]) * msOfUnit[(match[2] ?? 'ms') as keyof typeof msOfUnit])
}

function isUrl(text: string, protocols?: readonly string[]): boolean {
  const url = URL.parse(text)
  return url !== null && (protocols === undefined || protocols.includes(url.protocol))
}

function unknownVariables(options: ReadConfigOptions): {
  readonly ofService: readonly string[]
  readonly ofPlatform: readonly string[]
} {
  const known = new Set(Object.values(options.table).map((entry) => entry.env))
  const prefix = `${options.serviceName.toUpperCase().replaceAll('-', '_')}_`
  const nameFault = (name: string): string => {
    const near = nearest(name, known)
    return `${name}: is not a key of ${options.serviceName}${near ? `; did you mean ${near}?` : ''}`
  }
  const candidates = Object.keys(options.env).filter((name) => !known.has(name))
  return {
    // <SERVICE>_URL is where others find this service: it belongs to their tables, and one environment may serve all.
    ofService: candidates
      .filter((name) => name.startsWith(prefix) && !name.endsWith('_URL'))
      .map(nameFault),
    ofPlatform: candidates
      .filter((name) => name.startsWith('MILLRACE_') && !platformVariables.has(name))
      .map(nameFault),
  }
}

/** The known name at most two edits away. */
function nearest(name: string, known: ReadonlySet<string>): string | undefined {
  let best: string | undefined
  let bestDistance = 3
  for (const candidate of known) {
    const distance = editDistance(name, candidate)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const change = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1)
      current.push(Math.min(change, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[right.length] ?? 0
}

/** The values fit for a log line: secrets as `***`, passwords inside URLs too. */
export function maskConfig(
  table: ConfigTable,
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).map(([key, entry]) => [key, maskValue(entry, values[key])]),
  )
}

function maskValue(entry: ConfigEntry, value: unknown): unknown {
  if (entry.secret && value !== null) return '***'
  if (Array.isArray(value)) return value.map((item) => maskUrlPassword(String(item)))
  return typeof value === 'string' ? maskUrlPassword(value) : value
}

function maskUrlPassword(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/[^:/@]*):[^@/]*@/i, '$1:***@')
}

/** One table for people: every key with type, default, bounds and meaning. */
export function describeConfig(table: ConfigTable): string {
  const rows = Object.values(table).map((entry) => [
    entry.env,
    typeText(entry),
    entry.default === undefined ? 'required' : defaultText(entry),
    entry.doc,
  ])
  const header = ['KEY', 'TYPE', 'DEFAULT', 'MEANING']
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function typeText(entry: ConfigEntry): string {
  switch (entry.type) {
    case 'string':
      return entry.oneOf
        ? entry.oneOf.join('|')
        : `text${boundsText(entry.minLength, entry.maxLength)}`
    case 'integer':
      return `integer${boundsText(entry.min, entry.max)}`
    case 'number':
      return `number${boundsText(entry.min, entry.max)}`
    case 'duration':
      return `duration${boundsText(entry.minMs, entry.maxMs, ' ms')}`
    case 'boolean':
      return 'true|false'
    case 'url':
      return 'URL'
    case 'list':
      return entry.items === 'url' ? 'URL,URL,…' : 'text,text,…'
    default:
      return unreachable(entry)
  }
}

function boundsText(min: number | undefined, max: number | undefined, unit = ''): string {
  if (min === undefined && max === undefined) return ''
  return ` ${min ?? ''}…${max ?? ''}${unit}`
}

function defaultText(entry: ConfigEntry): string {
  if (entry.default === null) return 'none'
  if (entry.secret) return '***'
  if (entry.type === 'duration') return `${String(entry.default)} ms`
  return String(entry.default)
}

/** Values with the type the table promises. @throws RuntimeError `MR_RUNTIME_BAD_CONFIG` */
export function readTypedConfig<Table extends ConfigTable>(
  options: ReadConfigOptions & { readonly table: Table },
): { readonly config: ConfigValues<Table>; readonly warnings: readonly string[] } {
  const { values, warnings } = readConfig(options)
  return { config: values as ConfigValues<Table>, warnings }
}
