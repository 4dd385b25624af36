import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { toError } from '@millrace/core'
import { BrokerError } from '../errors.ts'
import type { SecurityOptions, TlsOptions } from './security-options.ts'

const parts = ['tls', 'sasl', 'authorization']
const tlsFields = ['certFile', 'keyFile', 'caFile', 'passphrase', 'clientCertificates']

/**
 * Security of the command's listeners, from a JSON file so that no secret stands in the process table: {@link SecurityOptions}, with `certFile`,
 * `keyFile` and `caFile` (from the file's own folder) instead of PEM texts.
 * @throws BrokerError `MR_BROKER_BAD_OPTION` when it cannot be read or holds something unknown; its values are checked with all options
 */
export function readSecurityFile(file: string): SecurityOptions {
  const { tls, ...rest } = objectIn(file, parts, parseFile(file), '')
  return {
    ...(rest as SecurityOptions),
    ...(tls === undefined ? {} : { tls: readTls(file, tls) }),
  }
}

function parseFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw refuse(file, `cannot be read (${toError(error).message})`, error)
  }
}

function readTls(file: string, value: unknown): TlsOptions {
  const { certFile, keyFile, caFile, ...rest } = objectIn(file, tlsFields, value, ' under tls')
  if (certFile === undefined || keyFile === undefined)
    throw refuse(file, 'needs certFile and keyFile under tls')
  return {
    ...(rest as Partial<TlsOptions>),
    cert: readPem(file, certFile),
    key: readPem(file, keyFile),
    ...(caFile === undefined ? {} : { ca: readPem(file, caFile) }),
  }
}

function readPem(file: string, name: unknown): string {
  try {
    return readFileSync(resolve(dirname(file), String(name)), 'utf8')
  } catch (error) {
    throw refuse(file, `names a file that cannot be read (${toError(error).message})`, error)
  }
}

function objectIn(
  file: string,
  known: readonly string[],
  value: unknown,
  where: string,
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse(file, `must hold an object${where}`)
  const unknown = Object.keys(value).filter((name) => !known.includes(name))
  if (unknown.length > 0)
    throw refuse(file, `holds "${unknown.join('", "')}"${where}; it may hold ${known.join(', ')}`)
  return value as Readonly<Record<string, unknown>>
}

function refuse(file: string, what: string, cause?: unknown): BrokerError {
  return new BrokerError(
    'MR_BROKER_BAD_OPTION',
    `The security file "${file}" ${what}. The broker was not started.`,
    { file },
    cause === undefined ? {} : { cause },
  )
}
