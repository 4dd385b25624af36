import type { ServiceName } from '@millrace/contracts'
import { startChild, type ChildInstance } from './child-process.ts'
import type { HostCommand, HostReply } from './host.ts'

/** The supervisor's side of the process that holds all services. */
export class HostProcess {
  readonly #logFile: string
  readonly #faults: () => string | undefined
  #child: ChildInstance | undefined
  /** A service said that it cannot start. */
  onFailed: (service: ServiceName, detail: string) => void = () => {}

  constructor(options: { readonly logFile: string; readonly faults: () => string | undefined }) {
    this.#logFile = options.logFile
    this.#faults = options.faults
  }

  launch(): ChildInstance {
    const faults = this.#faults()
    this.#child = startChild({
      file: new URL('./host.ts', import.meta.url),
      env: faults ? { MILLRACE_FAULTS: faults } : {},
      logFile: this.#logFile,
      hasChannel: true,
    })
    this.#child.process.on('message', (reply: HostReply) => {
      this.onFailed(reply.service, reply.detail)
    })
    return this.#child
  }

  startService(service: ServiceName, env: Readonly<Record<string, string>>): void {
    const command: HostCommand = { type: 'start', service, env }
    // A send to a process that just died fails; its end is seen by the part, which starts it again with all services.
    this.#child?.process.send(command, () => {})
  }
}
