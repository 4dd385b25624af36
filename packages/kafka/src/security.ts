/** TLS and SASL: options as the underlying connection takes them, each passed explicitly, and which of its faults no retry mends. */
import { isIP } from 'node:net'
import type { ConnectionOptions as UnderlyingOptions } from '@platformatic/kafka'
import { KafkaError } from './errors.ts'
import { badOption } from './options.ts'
import type { BrokerAddress, KafkaOptions, SaslOptions, TlsOptions } from './types.ts'

export const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

export interface Security {
  readonly tls: TlsOptions | undefined
  readonly sasl: SaslOptions | undefined
}

/** @throws KafkaError `MR_KAFKA_BAD_OPTION` */
export function securityOf({ tls, sasl }: KafkaOptions): Security {
  if (sasl) {
    if (!saslMechanisms.includes(sasl.mechanism))
      throw badOption(
        'sasl.mechanism',
        sasl.mechanism,
        `must be one of ${saslMechanisms.join(', ')}`,
      )
    if (sasl.username === '') throw badOption('sasl.username', '', 'must not be empty')
  }
  return { tls: tls === true ? {} : tls === false ? undefined : tls, sasl }
}

/** What the underlying connection is told for one broker. */
export function underlyingSecurity(
  { tls, sasl }: Security,
  { host }: BrokerAddress,
): Pick<UnderlyingOptions, 'tls' | 'sasl' | 'tlsServerName'> {
  const serverName = tls?.serverName ?? (isIP(host) === 0 ? host : undefined)
  return {
    ...(tls && {
      tls: {
        rejectUnauthorized: true,
        minVersion: 'TLSv1.2',
        ...(tls.ca !== undefined && { ca: asMutable(tls.ca) }),
        ...(tls.cert !== undefined && { cert: tls.cert }),
        ...(tls.key !== undefined && { key: tls.key }),
        ...(tls.passphrase !== undefined && { passphrase: tls.passphrase }),
      },
    }),
    // Also what the certificate is checked against; an address cannot be sent as a name (RFC 6066), Node checks it by itself.
    ...(tls && serverName !== undefined && { tlsServerName: serverName }),
    ...(sasl && {
      sasl: { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password },
    }),
  }
}

/** The fault that tells that either side cannot prove who it is; `undefined` for a fault that may pass. */
export function authenticationFault(
  error: unknown,
  { host, port }: BrokerAddress,
  { tls, sasl }: Security,
): KafkaError | undefined {
  const chain = causesOf(error)
  const details = { host, port, mechanism: sasl?.mechanism }
  const refused = chain.find((cause) => refusals.has(String(cause['apiId'])))
  if (refused)
    return new KafkaError(
      'MR_KAFKA_AUTHENTICATION_FAILED',
      `The broker at ${host}:${port} refuses user "${sasl?.username}" by ${sasl?.mechanism}: ${String(refused['apiId'])}. Check the user, its password and the mechanisms of that listener.`,
      details,
      { cause: error },
    )
  if (chain.some((cause) => isCertificateFault(cause)))
    return new KafkaError(
      'MR_KAFKA_AUTHENTICATION_FAILED',
      `The TLS certificate of the broker at ${host}:${port} is not accepted, or it does not accept ours. Check tls.ca, tls.serverName and tls.cert.`,
      details,
      { cause: error },
    )
  const isOfLink = chain.some((cause) => linkFaults.has(String(cause['code'])))
  if (!isOfLink && chain.some((cause) => cause['code'] === 'PLT_KFK_AUTHENTICATION'))
    return new KafkaError(
      'MR_KAFKA_AUTHENTICATION_FAILED',
      `The broker at ${host}:${port} and this client do not agree on user "${sasl?.username}" by ${sasl?.mechanism}${tls ? '' : ' without TLS'}.`,
      details,
      { cause: error },
    )
  return undefined
}

const refusals: ReadonlySet<string> = new Set([
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
])

const linkFaults: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'PLT_KFK_TIMEOUT',
])

function isCertificateFault({ code }: Readonly<Record<string, unknown>>): boolean {
  return (
    typeof code === 'string' &&
    (code.includes('CERT') || code.startsWith('ERR_TLS_') || code.startsWith('UNABLE_TO_'))
  )
}

/** An error with its causes, and with those of an aggregate. */
function causesOf(error: unknown): readonly Readonly<Record<string, unknown>>[] {
  const found: Readonly<Record<string, unknown>>[] = []
  const open: unknown[] = [error]
  while (open.length > 0 && found.length < 32) {
    const next = open.shift()
    if (typeof next !== 'object' || next === null) continue
    const cause = next as Readonly<Record<string, unknown>>
    found.push(cause)
    open.push(cause['cause'])
    if (Array.isArray(cause['errors'])) open.push(...(cause['errors'] as readonly unknown[]))
  }
  return found
}

function asMutable(value: string | readonly string[]): string | string[] {
  return typeof value === 'string' ? value : [...value]
}
