/** TLS and SASL: options checked and put into the form that sockets take, and which faults of connecting no retry mends. */
import { isIP } from 'node:net'
import { createSecureContext, type ConnectionOptions, type SecureContext } from 'node:tls'
import { toError } from '@millrace/core'
import { KafkaError } from './errors.ts'
import { badOption } from './options.ts'
import type { BrokerAddress, KafkaOptions, SaslOptions, TlsOptions } from './types.ts'

export const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

export interface Security {
  readonly tls: TlsSettings | undefined
  readonly sasl: SaslOptions | undefined
}

/** Certificates and keys are parsed once, for every connection of a client. */
export interface TlsSettings {
  readonly context: SecureContext
  readonly serverName: string | undefined
}

/** @throws KafkaError `MR_KAFKA_BAD_OPTION` */
export function securityOf({ tls, sasl }: KafkaOptions): Security {
  if (sasl) checkSasl(sasl)
  const isTls = tls !== undefined && tls !== false
  return { tls: isTls ? tlsSettings(tls === true ? {} : tls) : undefined, sasl }
}

function checkSasl({ mechanism, username, password }: SaslOptions): void {
  if (!saslMechanisms.includes(mechanism))
    throw badOption('sasl.mechanism', mechanism, `must be one of ${saslMechanisms.join(', ')}`)
  if (username === '') throw badOption('sasl.username', '', 'must not be empty')
  // RFC 4616 parts name and password by it; Kafka knows no user with it either way.
  if (username.includes('\0')) throw badOption('sasl.username', username, 'must not hold a NUL')
  if (password.includes('\0')) throw badOption('sasl.password', '…', 'must not hold a NUL')
}

function tlsSettings({ ca, cert, key, passphrase, serverName }: TlsOptions): TlsSettings {
  try {
    const context = createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca !== undefined && { ca: typeof ca === 'string' ? ca : [...ca] }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(passphrase !== undefined && { passphrase }),
    })
    return { context, serverName }
  } catch (error) {
    throw new KafkaError(
      'MR_KAFKA_BAD_OPTION',
      `Option tls cannot be used: ${toError(error).message}. Its ca, cert and key must be PEM texts that belong together.`,
      { name: 'tls' },
      { cause: error },
    )
  }
}

/** What `tls.connect` is told for one broker; `undefined` for a plain connection. */
export function tlsConnectionOptions(
  { tls }: Security,
  { host }: BrokerAddress,
): ConnectionOptions | undefined {
  if (!tls) return undefined
  const servername = tls.serverName ?? (isIP(host) === 0 ? host : undefined)
  return {
    secureContext: tls.context,
    rejectUnauthorized: true,
    // Also what the certificate is checked against; an address cannot be sent as a name (RFC 6066), Node checks it by itself.
    ...(servername !== undefined && { servername }),
  }
}

/** The fault of settings on either side that kept a connection from being made; `undefined` for one that may pass. */
export function connectFault(
  error: unknown,
  { host, port }: BrokerAddress,
  { tls }: Security,
): KafkaError | undefined {
  const refuse = (what: string): KafkaError =>
    new KafkaError('MR_KAFKA_AUTHENTICATION_FAILED', what, { host, port }, { cause: error })
  const chain = causesOf(error)
  if (chain.some(isCertificateFault))
    return refuse(
      `The TLS certificate of the broker at ${host}:${port} is not accepted, or it does not accept ours. Check tls.ca, tls.serverName and tls.cert.`,
    )
  if (tls && chain.some(isTlsMismatch))
    return refuse(
      `The broker at ${host}:${port} and this client have no TLS in common: ${toError(error).message}. Check that the port is one with TLS; if it is not, leave out tls.`,
    )
  if (!tls && chain.some(isTlsRecord))
    return refuse(
      `The broker at ${host}:${port} speaks TLS and this client does not. Set tls, or take the port of a listener without it.`,
    )
  return undefined
}

type Cause = Readonly<Record<string, unknown>>

function isCertificateFault({ code }: Cause): boolean {
  return (
    typeof code === 'string' &&
    (code.includes('CERT') ||
      code.includes('UNKNOWN_CA') ||
      code.startsWith('ERR_TLS_') ||
      code.startsWith('UNABLE_TO_'))
  )
}

/** The peer's bytes are no TLS, or it refuses our versions and ciphers. */
function isTlsMismatch({ code }: Cause): boolean {
  return (
    typeof code === 'string' &&
    /^ERR_SSL_.*(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|HANDSHAKE_FAILURE|NO_SHARED_CIPHER)/.test(
      code,
    )
  )
}

/** A size that is the beginning of a TLS record: its type, then version 3.x. `FrameReader` refuses such sizes. */
function isTlsRecord({ details }: Cause): boolean {
  const size = (details as Cause | undefined)?.['sizeBytes']
  if (typeof size !== 'number') return false
  const [type, major] = [size >>> 24, (size >>> 16) & 0xff]
  return type >= 0x14 && type <= 0x17 && major === 3
}

/** An error with its causes, and with those of an aggregate. */
function causesOf(error: unknown): readonly Cause[] {
  const found: Cause[] = []
  const open: unknown[] = [error]
  while (open.length > 0 && found.length < 32) {
    const next = open.shift()
    if (typeof next !== 'object' || next === null) continue
    const cause = next as Cause
    found.push(cause)
    open.push(cause['cause'])
    if (Array.isArray(cause['errors'])) open.push(...(cause['errors'] as readonly unknown[]))
  }
  return found
}
