import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** A root, the broker's certificate for 127.0.0.1, a client's, and a client's that leads to another root. PEM. */
export interface TestCertificates {
  readonly ca: string
  readonly broker: Certificate
  readonly client: Certificate
  readonly stranger: Certificate
}

/** @returns undefined where there is no openssl */
export function makeCertificates(): TestCertificates | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-certificates-'))
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  try {
    const root = selfSigned(folder, 'root', '/CN=test root')
    selfSigned(folder, 'other', '/CN=other root')
    return {
      ca: root.cert,
      broker: signed(folder, 'broker', '/CN=127.0.0.1', 'root'),
      client: signed(folder, 'client', '/C=CH/O=Mill, Race/CN=anna', 'root'),
      stranger: signed(folder, 'stranger', '/CN=anna', 'other'),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

function openssl(folder: string, args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
}

function read(folder: string, name: string): Certificate {
  const file = (suffix: string): string => readFileSync(join(folder, `${name}.${suffix}`), 'utf8')
  return { cert: file('crt'), key: file('key') }
}

function selfSigned(folder: string, name: string, subject: string): Certificate {
  const out = ['-keyout', `${name}.key`, '-out', `${name}.crt`, '-days', '2', '-subj', subject]
  openssl(folder, ['req', '-x509', ...newKey, ...out])
  return read(folder, name)
}

function signed(folder: string, name: string, subject: string, issuer: string): Certificate {
  const out = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject]
  openssl(folder, ['req', ...newKey, ...out])
  writeFileSync(join(folder, 'extensions'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
  const by = ['-CA', `${issuer}.crt`, '-CAkey', `${issuer}.key`, '-CAcreateserial']
  const extra = ['-days', '2', '-extfile', 'extensions', '-out', `${name}.crt`]
  openssl(folder, ['x509', '-req', '-in', `${name}.csr`, ...by, ...extra])
  return read(folder, name)
}
