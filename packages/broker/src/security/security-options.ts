import { createSecureContext } from 'node:tls'
import { toError } from '@millrace/core'
import { faultOfAcl, isPrincipal } from './acl-checks.ts'
import { aclOperations, aclPermissions, patternTypes, resourceTypes, type Acl } from './acls.ts'
import type { UserOption } from './user-store.ts'

/** How clients may show who they are. */
export const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
export type SaslMechanism = (typeof saslMechanisms)[number]

/** Encryption of every connection. PEM texts, not file names. */
export interface TlsOptions {
  /** The broker's certificate, followed by those that lead to its root. */
  readonly cert: string
  readonly key: string
  readonly passphrase?: string
  /** Roots that clients' certificates must lead to. */
  readonly ca?: string
  /**
   * Certificates of clients [ssl.client.auth]: `none` (default) asks for none, `requested` takes a good one or none, `required` closes without.
   * Without SASL, the certificate's subject is the client's principal: `User:CN=…,O=…` as RFC 2253 writes it.
   */
  readonly clientCertificates?: 'none' | 'requested' | 'required'
}

/** Authentication of every connection. */
export interface SaslOptions {
  /** Default: all that there are. PLAIN sends the password as it is: take it with `tls` only, or on loopback. */
  readonly mechanisms?: readonly SaslMechanism[]
  /** Users that exist from the start. More can be made with `kafka-configs --alter --entity-type users`. */
  readonly users?: readonly UserOption[]
  /** After so long a client must authenticate again, or its connection is closed [connections.max.reauth.ms]. Default 0: never. */
  readonly maxReauthMs?: number
}

/** An access rule in words, as `kafka-acls` says it. */
export interface AclOption {
  readonly permission?: 'ALLOW' | 'DENY'
  /** `User:name` or `User:*`. */
  readonly principal: string
  /** Address of the client. Default `*`. */
  readonly host?: string
  readonly operation: Exclude<keyof typeof aclOperations, 'ANY'>
  readonly resourceType: Exclude<keyof typeof resourceTypes, 'ANY'>
  /** `*` means every resource of the type; the one CLUSTER is `kafka-cluster`. */
  readonly resourceName: string
  /** PREFIXED: all names that begin so. Default LITERAL. */
  readonly patternType?: 'LITERAL' | 'PREFIXED'
}

/** Who may do what. Without it everybody may do everything. */
export interface AuthorizationOptions {
  /** Principals that may do everything, for example `User:admin` [super.users]. */
  readonly superUsers?: readonly string[]
  /** Rules to make sure of at the start; they stay, also when they no longer stand here. */
  readonly acls?: readonly AclOption[]
}

/** Security of the broker's listeners. Everything is off unless asked for. */
export interface SecurityOptions {
  readonly tls?: TlsOptions
  readonly sasl?: SaslOptions
  readonly authorization?: AuthorizationOptions
}

/** @returns what is wrong, in words */
export function faultsOfSecurity({ tls, sasl, authorization }: SecurityOptions): string[] {
  return [
    ...(tls === undefined ? [] : faultsOfTls(tls)),
    ...(sasl === undefined ? [] : [...faultsOfMechanisms(sasl), ...faultsOfSasl(sasl)]),
    ...(authorization === undefined ? [] : faultsOfAuthorization(authorization)),
  ]
}

/** @returns what is wrong, in words */
export function faultsOfTls(tls: TlsOptions): string[] {
  const faults: string[] = []
  const { clientCertificates = 'none' } = tls
  if (!['none', 'requested', 'required'].includes(clientCertificates))
    faults.push(`tls.clientCertificates "${clientCertificates}" is not none, requested or required`)
  if (clientCertificates !== 'none' && tls.ca === undefined)
    faults.push(`tls.clientCertificates "${clientCertificates}" needs tls.ca to check them against`)
  try {
    createSecureContext(contextOptions(tls))
  } catch (error) {
    faults.push(`tls.cert, tls.key or tls.ca cannot be used (${toError(error).message})`)
  }
  return faults
}

/** What Node's TLS takes of them. */
export function contextOptions({ cert, key, passphrase, ca }: TlsOptions) {
  return {
    cert,
    key,
    minVersion: 'TLSv1.2' as const,
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(ca === undefined ? {} : { ca }),
  }
}

/** @returns what is wrong, in words */
export function faultsOfMechanisms({
  mechanisms = saslMechanisms,
  maxReauthMs = 0,
}: Pick<SaslOptions, 'mechanisms' | 'maxReauthMs'>): string[] {
  const faults: string[] = []
  if (mechanisms.length === 0) faults.push('sasl.mechanisms is empty')
  for (const mechanism of mechanisms)
    if (!saslMechanisms.includes(mechanism))
      faults.push(`sasl.mechanisms holds "${mechanism}", not one of ${saslMechanisms.join(', ')}`)
  if (!Number.isInteger(maxReauthMs) || maxReauthMs < 0)
    faults.push(`sasl.maxReauthMs ${maxReauthMs} is not a whole number of 0 or more`)
  return faults
}

function faultsOfSasl({ users = [] }: SaslOptions): string[] {
  const faults: string[] = []
  const names = users.map(({ name }) => name)
  if (new Set(names).size < names.length) faults.push('sasl.users names a user twice')
  for (const { name, password } of users) {
    if (name === '' || name.includes('\0')) faults.push('sasl.users holds a name that is none')
    if (password === '' || password.includes('\0'))
      faults.push(`sasl.users gives "${name}" a password that cannot be sent`)
  }
  return faults
}

function faultsOfAuthorization({ superUsers = [], acls = [] }: AuthorizationOptions): string[] {
  const faults: string[] = []
  for (const principal of superUsers)
    if (!isPrincipal(principal))
      faults.push(`authorization.superUsers holds "${principal}", not of the form User:name`)
  for (const acl of acls) {
    const text = faultOfAcl(aclOf(acl))
    if (text !== undefined) faults.push(`authorization.acls: ${text}`)
  }
  return faults
}

export function aclOf(option: AclOption): Acl {
  return {
    resourceType: resourceTypes[option.resourceType],
    resourceName: option.resourceName,
    patternType: patternTypes[option.patternType ?? 'LITERAL'],
    principal: option.principal,
    host: option.host ?? '*',
    operation: aclOperations[option.operation],
    permission: aclPermissions[option.permission ?? 'ALLOW'],
  }
}
