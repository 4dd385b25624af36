import { toError } from '@millrace/core'
import { armFaultsFromText } from '@millrace/core/testing'
import { serviceStopOrder, type ServiceName } from '@millrace/contracts'
import { startService, type RunningService } from '@millrace/runtime'

/**
 * All services in one process: a third of the memory of one process each. The supervisor says over the channel which service to start
 * with what settings; the gateway comes first, so that the page is there while the rest still starts.
 */
export interface HostCommand {
  readonly type: 'start'
  readonly service: ServiceName
  readonly env: Readonly<Record<string, string>>
}

export interface HostReply {
  readonly type: 'failed'
  readonly service: ServiceName
  readonly detail: string
}

const running = new Map<ServiceName, RunningService>()
let isStopping = false

async function launch(
  service: ServiceName,
  env: Readonly<Record<string, string>>,
): Promise<RunningService> {
  switch (service) {
    case 'gateway':
      return startService((await import('@millrace/gateway')).gatewayService, { env })
    case 'discussions':
      return startService((await import('@millrace/discussions')).discussionsService, { env })
    case 'discussion-analytics':
      return startService(
        (await import('@millrace/discussion-analytics')).discussionAnalyticsService,
        { env },
      )
    case 'tracking':
      return startService((await import('@millrace/tracking')).trackingService, { env })
    case 'users':
      return startService((await import('@millrace/users')).usersService, { env })
    case 'catalog':
      return startService((await import('@millrace/catalog')).catalogService, { env })
    case 'payments':
      return startService((await import('@millrace/payments')).paymentsService, { env })
    case 'stock':
      return startService((await import('@millrace/stock')).stockService, { env })
    case 'orders':
      return startService((await import('@millrace/orders')).ordersService, { env })
    case 'order-saga':
      return startService((await import('@millrace/order-saga')).orderSagaService, { env })
  }
}

/** A service that cannot start, now or later, ends the process: the supervisor says why and decides whether to start it again. */
function fail(service: ServiceName, error: unknown): void {
  if (isStopping) return
  const reply: HostReply = { type: 'failed', service, detail: toError(error).message }
  if (process.send) process.send(reply, () => process.exit(1))
  else process.exit(1)
}

async function obey(command: HostCommand): Promise<void> {
  try {
    const service = await launch(command.service, command.env)
    running.set(command.service, service)
    service.ready.catch((error: unknown) => fail(command.service, error))
  } catch (error) {
    fail(command.service, error)
  }
}

/** The door first, then what stands behind it: requests under way are answered before anything they need goes. */
async function stop(): Promise<void> {
  if (isStopping) return
  isStopping = true
  for (const name of serviceStopOrder) await running.get(name)?.close()
  process.exit(0)
}

if (process.env['MILLRACE_FAULTS']) armFaultsFromText(process.env['MILLRACE_FAULTS'])
process.on('message', (command: HostCommand) => void obey(command))
process.on('SIGTERM', () => void stop())
// The supervisor is gone without a word (SIGKILL): nobody would ever stop us.
process.on('disconnect', () => void stop())
