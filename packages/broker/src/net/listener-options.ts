import {
  faultsOfMechanisms,
  faultsOfTls,
  saslMechanisms,
  type SaslMechanism,
  type SaslOptions,
  type SecurityOptions,
  type TlsOptions,
} from '../security/security-options.ts'

/** One of several listeners of a broker, so that a plain and a TLS port stand side by side [listeners, listener.security.protocol.map]. */
export interface ListenerOption {
  /** Told by `broker.listeners`; no two alike. */
  readonly name: string
  /** Of the first node; the others follow. 0, the default, takes any free ports. */
  readonly port?: number
  /** Default: the broker's `host`. */
  readonly host?: string
  /** Host that clients of this listener are told to connect to. Default: the broker's `advertisedHost`, or the address they have reached. */
  readonly advertisedHost?: string
  /** `false`: not encrypted. Default: `security.tls`. */
  readonly tls?: TlsOptions | false
  /** `false`: nobody has to say who he is, and access rules see `User:ANONYMOUS`. Default: `security.sasl`, whose users serve all listeners. */
  readonly sasl?: Pick<SaslOptions, 'mechanisms' | 'maxReauthMs'> | false
}

/** How clients of a listener say who they are. */
export interface Authentication {
  /** That they may choose from; none: they need not. */
  readonly mechanisms: readonly SaslMechanism[]
  /** 0: a session does not end. */
  readonly maxReauthMs: number
}

/** A listener with nothing left open. */
export interface ListenerSettings {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly advertisedHost: string | undefined
  readonly tls: TlsOptions | undefined
  readonly authentication: Authentication
}

/** The options of the broker that speak of listeners. */
export interface ListenerSource {
  readonly port?: number
  readonly host?: string
  readonly advertisedHost?: string
  readonly security?: SecurityOptions
  readonly listeners?: readonly ListenerOption[]
}

/** The first is the one that `broker.port` and `broker.nodes` tell. */
export function listenersOf(source: ListenerSource): readonly ListenerSettings[] {
  const { listeners = [{ name: 'main', port: source.port ?? 0 }], security = {} } = source
  return listeners.map(({ name, port = 0, host, advertisedHost, tls, sasl = security.sasl }) => ({
    name,
    port,
    host: host ?? source.host ?? '127.0.0.1',
    advertisedHost: advertisedHost ?? source.advertisedHost,
    tls: tls === false ? undefined : (tls ?? security.tls),
    authentication:
      sasl === undefined || sasl === false
        ? { mechanisms: [], maxReauthMs: 0 }
        : { mechanisms: sasl.mechanisms ?? saslMechanisms, maxReauthMs: sasl.maxReauthMs ?? 0 },
  }))
}

/** @returns what is wrong, in words */
export function faultsOfListeners(source: ListenerSource, nodes: number): string[] {
  const { listeners } = source
  if (listeners === undefined) return []
  const faults: string[] = []
  if (listeners.length === 0) faults.push('listeners is empty')
  if (source.port !== undefined) faults.push('port is given beside listeners, which have their own')
  if (new Set(listeners.map(({ name }) => name)).size < listeners.length)
    faults.push('listeners holds a name twice')
  const taken = new Set<number>()
  for (const { name, port = 0, tls, sasl } of listeners) {
    const at = `listener "${name}"`
    if (name === '') faults.push('listeners holds one without a name')
    if (!Number.isInteger(port) || port < 0 || port + nodes - 1 > 65_535)
      faults.push(`${at}: port ${port} is not a whole number that leaves room for every node`)
    for (let node = 0; node < (port === 0 ? 0 : nodes); node++) {
      if (taken.has(port + node)) faults.push(`${at}: port ${port + node} is another listener's`)
      taken.add(port + node)
    }
    if (tls !== undefined && tls !== false)
      faults.push(...faultsOfTls(tls).map((fault) => `${at}: ${fault}`))
    if (sasl !== undefined && sasl !== false)
      faults.push(...faultsOfMechanisms(sasl).map((fault) => `${at}: ${fault}`))
  }
  return faults
}
