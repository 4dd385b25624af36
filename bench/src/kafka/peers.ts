/** Where each peer of the Kafka suite comes from, and why one is absent. What has to be fetched or built stays in `.cache/`. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { apacheKafkaJars, fetchJars, whyNoJars } from '@millrace/testkit'
import type { Program } from './measured-process.ts'

const run = promisify(execFile)
const cache = fileURLToPath(new URL('../../../.cache/bench/', import.meta.url))
const confluentVersion = '2.16.1'
export const apacheKafkaVersion = '4.1.1'

/** A peer that is here, or the reason why it is not. */
export type Peer<T> = { readonly is: T } | { readonly absent: string }

export interface Peers {
  /** By the system's name in the table; `java` runs Kafka's own tools and what they lack. */
  readonly clients: ReadonlyMap<ClientName, Peer<Program>>
  readonly kfake: Peer<string>
}

export type ClientName = 'millrace' | 'java' | 'platformatic' | 'kafkajs' | 'confluent-python'

export async function findPeers(): Promise<Peers> {
  await mkdir(cache, { recursive: true })
  const [java, python, kfake] = [await javaClient(), await pythonClient(), await buildKfake()]
  return {
    clients: new Map<ClientName, Peer<Program>>([
      ['millrace', { is: nodeClient('millrace') }],
      ['java', java],
      ['platformatic', { is: nodeClient('platformatic') }],
      ['kafkajs', { is: nodeClient('kafkajs') }],
      ['confluent-python', python],
    ]),
    kfake,
  }
}

function nodeClient(name: string): Program {
  const file = fileURLToPath(new URL(`./clients/${name}.ts`, import.meta.url))
  return { command: process.execPath, args: ['--disable-warning=ExperimentalWarning', file] }
}

async function javaClient(): Promise<Peer<Program>> {
  const jars = apacheKafkaJars(apacheKafkaVersion)
  const reason = await whyNoJars(jars)
  if (reason !== undefined) return { absent: reason }
  const libs = join(await fetchJars(jars), '*')
  const classes = join(cache, 'java')
  const source = fileURLToPath(new URL('./java/Peer.java', import.meta.url))
  try {
    await run('javac', ['-cp', libs, '-d', classes, source])
  } catch (error) {
    return { absent: `javac failed: ${firstLine(error)}` }
  }
  // The heap that Kafka's own scripts give its tools.
  return { is: { command: 'java', args: ['-Xmx512M', '-cp', `${libs}:${classes}`, 'Peer'] } }
}

async function pythonClient(): Promise<Peer<Program>> {
  const script = fileURLToPath(new URL('./clients/confluent.py', import.meta.url))
  const folder = join(cache, `python-confluent-kafka-${confluentVersion}`)
  const python = join(folder, 'bin', 'python3')
  try {
    if (!existsSync(folder)) {
      const work = `${folder}.${process.pid}`
      await run('python3', ['-m', 'venv', work])
      const pip = ['-m', 'pip', 'install', '--quiet', `confluent-kafka==${confluentVersion}`]
      await run(join(work, 'bin', 'python3'), pip)
      await rename(work, folder).catch(() => rm(work, { recursive: true, force: true }))
    }
    await run(python, ['-c', 'import confluent_kafka'])
  } catch (error) {
    return { absent: `python3 with confluent-kafka is not to be had: ${firstLine(error)}` }
  }
  return { is: { command: python, args: [script] } }
}

async function buildKfake(): Promise<Peer<string>> {
  const program = join(cache, 'kfake')
  const source = fileURLToPath(new URL('./kfake/', import.meta.url))
  try {
    await run('go', ['build', '-trimpath', '-o', program, '.'], { cwd: source })
  } catch (error) {
    return { absent: `go build failed: ${firstLine(error)}` }
  }
  return { is: program }
}

function firstLine(error: unknown): string {
  const text = (error as { readonly stderr?: string }).stderr || String(error)
  return text.trim().split('\n').slice(0, 2).join(' ')
}
