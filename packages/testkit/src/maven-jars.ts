import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cacheDirectory = fileURLToPath(new URL('../../../.cache/', import.meta.url))

/** A jar on Maven Central. */
export interface MavenJar {
  readonly groupId: string
  readonly artifactId: string
  readonly version: string
  /** Such as 'test' for the jar of a project's tests. */
  readonly classifier?: string
}

/** Jars and all they need, kept in `.cache/<name>/libs` at the root of the repository. */
export interface JarSet {
  /** Folder in `.cache`; a set with other jars needs another name. */
  readonly name: string
  readonly jars: readonly MavenJar[]
}

/** What is missing to have these jars, as a sentence; `undefined` where they can be had. */
export async function whyNoJars(set: JarSet): Promise<string | undefined> {
  if (!(await answers('java', ['-version']))) return 'no java command.'
  if (!existsSync(libsOf(set)) && !(await answers('mvn', ['-version'])))
    return 'no mvn command, and its jars are not in .cache yet.'
  return undefined
}

/** The folder that holds the jars, fetched once. Several processes may do it at once: the last rename wins or is dropped. */
export async function fetchJars(set: JarSet): Promise<string> {
  const libs = libsOf(set)
  if (existsSync(libs)) return libs
  await mkdir(join(cacheDirectory, set.name), { recursive: true })
  const work = await mkdtemp(join(cacheDirectory, set.name, 'fetch-'))
  try {
    await writeFile(join(work, 'pom.xml'), pom(set.jars))
    const goal = ['dependency:copy-dependencies', '-DoutputDirectory=libs']
    const fetched = () => run('mvn', ['-B', '-q', ...goal, '-DincludeScope=runtime'], { cwd: work })
    // Once more: a mirror may be away for a moment.
    await fetched().catch(fetched)
    await rename(join(work, 'libs'), libs).catch((error: unknown) => {
      if (!existsSync(libs)) throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return libs
}

function libsOf(set: JarSet): string {
  return join(cacheDirectory, set.name, 'libs')
}

async function answers(command: string, args: readonly string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  )
}

function pom(jars: readonly MavenJar[]): string {
  const dependencies = jars.map(({ groupId, artifactId, version, classifier }) => {
    const suffix = classifier === undefined ? '' : `<classifier>${classifier}</classifier>`
    return `<dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version>${suffix}</dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.millrace</groupId><artifactId>jars-for-tests</artifactId><version>1</version>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`
}
