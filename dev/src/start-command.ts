import { spawn } from 'node:child_process'
import { relative } from 'node:path'
import { silentLogger, systemClock, toError } from '@millrace/core'
import type { ServiceName } from '@millrace/contracts'
import { startService, type RunningService } from '@millrace/runtime'
import { Lab } from './lab/lab.ts'
import { labService } from './lab/lab-service.ts'
import { DataDirectory, type RunningState } from './data-directory.ts'
import { pickPorts, type PlatformPorts } from './platform-ports.ts'
import { Platform, type PlatformOptions } from './platform.ts'
import { Progress, type OutputStyle } from './progress.ts'
import { loadSampleData } from './sample-data.ts'
import { repositoryRoot, type StartOptions } from './start-options.ts'
import { buildWebIfStale } from './web.ts'

export interface StartEnvironment {
  readonly databaseUrl: string | undefined
  readonly kafkaBrokers: string | undefined
  readonly isKafkaEnabled: string
  readonly hasColour: boolean
  readonly faults: Readonly<Partial<Record<ServiceName, string>>>
  readonly identity: PlatformOptions['identity']
  readonly archive: PlatformOptions['archive']
  /** Whom the users service adds as an admin, if the address has no account. */
  readonly firstAdminEmail?: string | undefined
}

/** One `npm start`: says what happens, keeps the platform running, and ends it in order. */
export class StartCommand {
  readonly #options: StartOptions
  readonly #firstAdminEmail: string | undefined
  readonly #progress: Progress
  readonly #directory: DataDirectory
  readonly #ports: PlatformPorts
  readonly #platform: Platform
  readonly #startedAtMs = performance.now()
  /** Writes of state files, one after the other. */
  #writes: Promise<unknown> = Promise.resolve()
  #lab: RunningService | undefined
  #isStopping = false

  private constructor(
    options: StartOptions,
    environment: StartEnvironment,
    directory: DataDirectory,
    ports: PlatformPorts,
  ) {
    const style: OutputStyle = options.json ? 'json' : process.stdout.isTTY ? 'terminal' : 'plain'
    this.#options = options
    this.#firstAdminEmail = environment.firstAdminEmail
    this.#directory = directory
    this.#ports = ports
    this.#progress = new Progress({
      style,
      hasColour: style === 'terminal' && environment.hasColour,
      write: (text) => void process.stdout.write(text),
      onStatus: (status) => this.#write('start-status.json', status),
    })
    this.#platform = new Platform({
      directory,
      ports,
      hasProcessPerService: options.processes,
      databaseUrl: environment.databaseUrl,
      kafkaBrokers: environment.kafkaBrokers,
      isKafkaEnabled: environment.isKafkaEnabled,
      mode: options.mode,
      logLevel: options.logLevel,
      faults: environment.faults,
      identity: environment.identity,
      archive: environment.archive,
      onChange: (part, state, detail) => {
        this.#progress.part(part, state, detail)
        this.#writeRunningState()
      },
    })
  }

  /** Takes the data folder and the ports; nothing runs yet. @throws DevError when the folder cannot be had */
  static async prepare(
    options: StartOptions,
    environment: StartEnvironment,
  ): Promise<StartCommand> {
    const directory = await DataDirectory.open(options.data, { isFresh: options.fresh })
    const { ports, notes } = await pickPorts(options.anyPorts)
    const command = new StartCommand(options, environment, directory, ports)
    command.#greet()
    for (const note of notes) {
      const text = `  Port ${note.wanted} (${note.part}) is taken by ${note.takenBy}; using ${note.port}`
      command.#progress.say('port', text, { ...note })
    }
    return command
  }

  /** Resolves when all is ready, or when the start failed and all is stopped again (exit code 1). */
  async run(): Promise<void> {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => void this.stop(0))
    const { gatewayUrl } = this.#platform
    this.#progress.say('console', `  Console   ${gatewayUrl}   opens now and shows the start`, {
      url: gatewayUrl,
    })
    try {
      await this.#startAll()
    } catch (error) {
      if (this.#isStopping) return
      const { message } = toError(error)
      this.#progress.closeBlock()
      this.#progress.say(
        'failed',
        `\nThe start failed: ${message}\nWhole logs: ${this.#directory.file('logs')}`,
        { message },
      )
      return this.stop(1)
    }
    // Whoever reads running.json when we say ready finds all of it.
    await this.#writes
    this.#sayReady()
  }

  /** Drains and stops everything, then ends this process. A second call ends it at once. */
  async stop(exitCode: number): Promise<void> {
    if (this.#isStopping) process.exit(1)
    this.#isStopping = true
    this.#progress.closeBlock()
    this.#progress.say(
      'stopping',
      'Stopping: what is under way is finished first. Ctrl C again stops hard.',
    )
    await this.#lab?.close()
    await this.#platform.stop()
    await this.#writes
    await this.#directory.release()
    this.#progress.say(
      'stopped',
      `Stopped. Your data stays in ${this.#shownFolder()}; the next start goes on from there.`,
    )
    process.exit(exitCode)
  }

  async #startAll(): Promise<void> {
    const showWeb = this.#show('web app')
    await Promise.all([this.#platform.start(), this.#startLab(), buildWebIfStale(showWeb)])
    this.#writeRunningState()
    // People of the sample are demo people, and nobody signs in as they; production begins empty.
    if (!this.#options.sampleData || this.#options.mode === 'production') return
    await loadSampleData(this.#directory, this.#platform.gatewayUrl, this.#show('sample data'))
  }

  async #startLab(): Promise<void> {
    if (this.#options.mode !== 'development') return
    const { lab: port, services } = this.#ports
    const platform = this.#platform
    const lab = new Lab(
      {
        get kafkaBrokers() {
          return platform.kafkaBrokers
        },
        paymentsUrl: `http://127.0.0.1:${services.payments}`,
        stockUrl: `http://127.0.0.1:${services.stock}`,
        crash: (part, downMs) => platform.crash(part, downMs),
      },
      systemClock,
    )
    this.#lab = await startService(labService(lab), {
      env: { HOST: '127.0.0.1', PORT: String(port) },
      // Standard output is the progress of the start.
      logger: silentLogger,
    })
  }

  #show(part: string): (state: Parameters<Progress['part']>[1], detail: string) => void {
    return (state, detail) => this.#progress.part(part, state, detail)
  }

  #greet(): void {
    const { mode, data } = this.#options
    const { isNew } = this.#directory
    const text = `millrace  ${mode} mode  data: ${this.#shownFolder()} (${isNew ? 'new' : 'kept'})  stop: Ctrl C`
    this.#progress.say('start', text, { data, isNew })
  }

  #sayReady(): void {
    const seconds = (performance.now() - this.#startedAtMs) / 1000
    const url = this.#platform.gatewayUrl
    this.#progress.closeBlock()
    this.#progress.say(
      'ready',
      `  Ready in ${seconds.toFixed(1)} s   ${url}   logs: ${this.#shownFolder()}/logs`,
      { url, seconds },
    )
    if (this.#options.mode === 'production') this.#sayWhoMayIn(url)
    else if (!this.#options.json)
      this.#progress.say(
        'try',
        '  Try: open the page, do one of the acts under "Follow one event", and watch it go from your click to the figures',
      )
    if (this.#options.open) openBrowser(url)
  }

  /** In production mode nobody is anybody without signing in, and only an admin makes others staff. */
  #sayWhoMayIn(url: string): void {
    if (this.#options.json) return
    const email = this.#firstAdminEmail
    const admin =
      email === undefined
        ? "  Staff and admins: stop, and start once with FIRST_ADMIN_EMAIL=you@example.org FIRST_ADMIN_PASSWORD='ten characters or more' before the same command; the admin makes others staff under People."
        : `  Admin: ${email} signs in at ${url}/sign-in with FIRST_ADMIN_PASSWORD of the first start. Change it there; later starts do without both.`
    this.#progress.say(
      'try',
      `  Everybody signs in; new ones register at ${url}/register\n${admin}`,
    )
  }

  #shownFolder(): string {
    const inside = relative(repositoryRoot, this.#options.data)
    return inside.startsWith('..') ? this.#options.data : inside
  }

  #write(name: string, value: unknown): void {
    this.#writes = this.#writes.then(() => this.#directory.writeJson(name, value)).catch(() => {})
  }

  #writeRunningState(): void {
    if (this.#isStopping) return
    const services = Object.entries(this.#ports.services).map(([name, port]) => [
      name,
      `http://127.0.0.1:${port}`,
    ])
    const state: RunningState = {
      pid: process.pid,
      gatewayUrl: this.#platform.gatewayUrl,
      kafkaBrokers: this.#platform.kafkaBrokers,
      services: Object.fromEntries(services) as Record<string, string>,
      pids: this.#platform.pids,
      databaseUrls: this.#platform.databaseUrls,
    }
    this.#write('running.json', state)
  }
}

function openBrowser(url: string): void {
  const command =
    process.platform === 'darwin' ? 'open' : process.platform === 'win32' ? 'explorer' : 'xdg-open'
  spawn(command, [url], { stdio: 'ignore', detached: true })
    // No browser to open is no reason to fail: the address is on the screen.
    .on('error', () => {})
    .unref()
}
