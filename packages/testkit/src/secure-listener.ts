/**
 * A SASL_SSL listener for Apache Kafka in tests: PLAIN and SCRAM for the same users, under a certificate made for this run by the JDK's
 * `keytool`, so that no key lies in the repository.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface SecureListener {
  readonly brokers: readonly string[]
  readonly port: number
  /** PEM of the certificate that signs the broker's, which is itself. It holds the names `localhost` and 127.0.0.1. */
  readonly ca: string
  /** Adds the listener to `server.properties`. */
  extend(properties: Readonly<Record<string, string>>): Readonly<Record<string, string>>
  /** Arguments of the storage tool: users of SCRAM are part of the first metadata. */
  readonly formatArguments: readonly string[]
}

const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
const modules = 'org.apache.kafka.common.security'

export async function secureListener(
  directory: string,
  port: number,
  users: Readonly<Record<string, string>>,
): Promise<SecureListener> {
  const store = join(directory, 'broker.p12')
  const password = randomBytes(12).toString('hex')
  const keytool = (...args: readonly string[]): Promise<{ stdout: string }> =>
    run('keytool', [...args, '-keystore', store, '-storepass', password, '-alias', 'broker'])
  await keytool(
    '-genkeypair',
    '-storetype',
    'PKCS12',
    '-keyalg',
    'EC',
    '-groupname',
    'secp256r1',
    '-dname',
    'CN=localhost',
    '-ext',
    'san=dns:localhost,ip:127.0.0.1',
    '-validity',
    '30',
  )
  const { stdout: ca } = await keytool('-exportcert', '-rfc')
  const plainUsers = Object.entries(users)
    .map(([name, secret]) => ` user_${name}="${secret}"`)
    .join('')
  return {
    brokers: [`127.0.0.1:${port}`],
    port,
    ca,
    extend: (properties) => ({
      ...properties,
      listeners: `${properties['listeners']},SECURE://127.0.0.1:${port}`,
      'advertised.listeners': `${properties['advertised.listeners']},SECURE://127.0.0.1:${port}`,
      'listener.security.protocol.map': `${properties['listener.security.protocol.map']},SECURE:SASL_SSL`,
      'ssl.keystore.type': 'PKCS12',
      'ssl.keystore.location': store,
      'ssl.keystore.password': password,
      'ssl.key.password': password,
      'sasl.enabled.mechanisms': mechanisms.join(),
      'listener.name.secure.plain.sasl.jaas.config': `${modules}.plain.PlainLoginModule required${plainUsers};`,
      'listener.name.secure.scram-sha-256.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
      'listener.name.secure.scram-sha-512.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
    }),
    formatArguments: Object.entries(users).flatMap(([name, secret]) =>
      ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
        '--add-scram',
        `${mechanism}=[name=${name},password=${secret}]`,
      ]),
    ),
  }
}
