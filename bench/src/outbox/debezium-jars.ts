import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { fetchJars, whyNoJars, type JarSet } from '@millrace/testkit'
import type { Peer } from '../kafka/peers.ts'

const run = promisify(execFile)
const version = '3.4.0.Final'
const jar = (artifactId: string) => ({ groupId: 'io.debezium', artifactId, version })
const jars: JarSet = {
  name: `debezium/${version}`,
  jars: [jar('debezium-embedded'), jar('debezium-connector-postgres')],
}

/** The class path with Debezium and our few lines around it, or why there is none. */
export async function findDebezium(): Promise<Peer<string>> {
  const reason = await whyNoJars(jars)
  if (reason !== undefined) return { absent: reason }
  const classes = fileURLToPath(new URL('../../../.cache/bench/debezium/', import.meta.url))
  const source = fileURLToPath(new URL('./java/DebeziumRelay.java', import.meta.url))
  try {
    const libs = join(await fetchJars(jars), '*')
    await mkdir(classes, { recursive: true })
    await run('javac', ['-cp', libs, '-d', classes, source])
    return { is: `${libs}:${classes}` }
  } catch (error) {
    return { absent: String((error as { readonly stderr?: string }).stderr ?? error).slice(0, 600) }
  }
}
