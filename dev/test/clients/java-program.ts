import { fileURLToPath } from 'node:url'
import { patiently, ToolProcess, type ToolOptions } from './tool-process.ts'

/** Short runs on a small machine that does other work too. */
const jvmOptions = [
  '-Xms64m',
  '-Xmx384m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Dslf4j.internal.verbosity=ERROR',
]

/** Starts a Java class with this class path; `args` are words parted by blanks. */
export function startJava(
  classPath: string,
  mainClass: string,
  args: string,
  options: ToolOptions = {},
): ToolProcess {
  return ToolProcess.start(
    'java',
    [...jvmOptions, '-cp', classPath, mainClass, ...words(args)],
    options,
  )
}

/** Runs a Java class to its end, which must be exit code 0. */
export async function runJava(classPath: string, mainClass: string, args: string): Promise<string> {
  return (await startJava(classPath, mainClass, args, { input: '' }).ends()).stdout
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

export interface CommandOutput {
  readonly code: number
  readonly output: string
}

/** Kafka's command line classes, run one after another in one JVM (`java/CommandRunner.java`). */
export class JavaCommands implements AsyncDisposable {
  readonly #process: ToolProcess
  #answers = 0

  constructor(classPath: string, limitMs: number) {
    const source = fileURLToPath(new URL('java/CommandRunner.java', import.meta.url))
    this.#process = startJava(classPath, source, '', { limitMs })
  }

  async run(mainClass: string, args: string, input = ''): Promise<CommandOutput> {
    const fields = [input, mainClass, ...words(args)]
    this.#process.write(`${fields.map((text) => Buffer.from(text).toString('base64')).join(' ')}\n`)
    const at = this.#answers++
    const answer = (): string | undefined => {
      const lines = this.#process.stdout.split('\n')
      return lines.length > at + 1 ? lines[at] : undefined
    }
    await patiently(`${mainClass} ends`, () => answer() !== undefined || !this.#process.isRunning)
    const line = answer()
    if (line === undefined)
      throw new Error(`${mainClass} ${args} ended the JVM: ${this.#process.stderr.slice(-2_000)}`)
    const [code, output] = line.split(' ')
    return { code: Number(code), output: Buffer.from(output ?? '', 'base64').toString() }
  }

  /** Must end with 0. */
  async ok(mainClass: string, args: string, input = ''): Promise<string> {
    const { code, output } = await this.run(mainClass, args, input)
    if (code !== 0) throw new Error(`${mainClass} ${args} ended with ${code}:\n${output}`)
    return output
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]()
  }
}
