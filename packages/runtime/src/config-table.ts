/** What every row of a service's config table says, whatever its type. */
interface EntryBase<Type extends string, Value> {
  readonly type: Type
  /** Environment variable it is read from. */
  readonly env: string
  /** What it means, in one sentence; shown by `--help`. */
  readonly doc: string
  /** Without one the key is required. `null` makes it optional: absent reads as null. */
  readonly default?: Value | null
  /** Never shown in logs, faults or `--help`. */
  readonly secret?: boolean
}

export interface StringEntry extends EntryBase<'string', string> {
  readonly oneOf?: readonly string[]
  readonly minLength?: number
  readonly maxLength?: number
}

export interface IntegerEntry extends EntryBase<'integer', number> {
  readonly min?: number
  readonly max?: number
}

/** May have a fraction, such as 0.25. */
export interface NumberEntry extends EntryBase<'number', number> {
  readonly min?: number
  readonly max?: number
}

/** Written as `250ms`, `5s`, `2m`, `1h`, or a bare number of ms; read as ms. */
export interface DurationEntry extends EntryBase<'duration', number> {
  readonly minMs?: number
  readonly maxMs?: number
}

/** `true`, `false`, `1`, `0`, `yes`, `no`, `on`, `off`. */
export interface BooleanEntry extends EntryBase<'boolean', boolean> {}

export interface UrlEntry extends EntryBase<'url', string> {
  /** Such as `['http:', 'https:']`; any by default. */
  readonly protocols?: readonly string[]
}

/** Comma separated; blanks around items and empty items are dropped. */
export interface ListEntry extends EntryBase<'list', readonly string[]> {
  readonly items?: 'string' | 'url'
  readonly minItems?: number
  readonly maxItems?: number
}

export type ConfigEntry =
  | StringEntry
  | IntegerEntry
  | NumberEntry
  | DurationEntry
  | BooleanEntry
  | UrlEntry
  | ListEntry

/** All that may be set about a service: key in the code → row. */
export type ConfigTable = Readonly<Record<string, ConfigEntry>>

type ValueOf<Entry> =
  | (Entry extends { readonly type: 'integer' | 'number' | 'duration' }
      ? number
      : Entry extends { readonly type: 'boolean' }
        ? boolean
        : Entry extends { readonly type: 'list' }
          ? readonly string[]
          : Entry extends { readonly oneOf: readonly (infer Choice)[] }
            ? Choice
            : string)
  | (Entry extends { readonly default: null } ? null : never)

/** The values a table gives. */
export type ConfigValues<Table extends ConfigTable> = {
  readonly [Key in keyof Table]: ValueOf<Table[Key]>
}

/** Rows every service has. */
export const standardConfig = {
  port: {
    type: 'integer',
    env: 'PORT',
    min: 0,
    max: 65_535,
    default: 0,
    doc: 'TCP port to listen on; 0 takes any free one.',
  },
  host: {
    type: 'string',
    env: 'HOST',
    default: '127.0.0.1',
    minLength: 1,
    doc: 'Address to listen on.',
  },
  mode: {
    type: 'string',
    env: 'MILLRACE_MODE',
    oneOf: ['development', 'production'],
    default: 'development',
    doc: 'What is allowed: demo identities and fault points exist in development only.',
  },
  identityJwksUrls: {
    type: 'list',
    items: 'url',
    env: 'IDENTITY_JWKS_URLS',
    maxItems: 32,
    default: [],
    doc: 'Where the gateway publishes the keys by which it signs who a request comes from; one address per key, parted by commas. Required in production mode.',
  },
  identityKeysTimeoutMs: {
    type: 'duration',
    env: 'IDENTITY_KEYS_TIMEOUT',
    minMs: 100,
    maxMs: 300_000,
    default: 2_000,
    doc: 'Longest wait for the public keys by which it is checked who a request comes from.',
  },
  logLevel: {
    type: 'string',
    env: 'LOG_LEVEL',
    oneOf: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    doc: 'The least severe log lines to write.',
  },
  otlpEndpoint: {
    type: 'url',
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    protocols: ['http:', 'https:'],
    default: null,
    doc: 'Where spans go, by OTLP over HTTP (JSON), such as http://localhost:4318; /v1/traces is added. Without it none are recorded.',
  },
  otlpHeaders: {
    type: 'list',
    env: 'OTEL_EXPORTER_OTLP_HEADERS',
    default: [],
    secret: true,
    doc: 'Headers for that address, such as api-key=abc,tenant=a.',
  },
  traceRatio: {
    type: 'number',
    env: 'OTEL_TRACES_SAMPLER_ARG',
    min: 0,
    max: 1,
    default: 1,
    doc: 'Share of new traces whose spans are recorded; a caller that has decided is followed. The event logs always have everything.',
  },
} as const satisfies ConfigTable

/** The config a service's `setup` is given: its own rows and the standard ones. */
export type ServiceConfig<Table extends ConfigTable> = ConfigValues<Table> &
  ConfigValues<typeof standardConfig>
