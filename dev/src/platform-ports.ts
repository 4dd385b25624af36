import { brokerPort, postgresPort, servicePorts, type ServiceName } from '@millrace/contracts'
import { pickPort } from './ports.ts'

export interface PlatformPorts {
  readonly services: Readonly<Record<ServiceName, number>>
  readonly broker: number
  /** Of the lab, which the gateway alone asks: any free one. */
  readonly lab: number
  readonly postgres: number
}

export interface PortNote {
  readonly part: string
  readonly wanted: number
  readonly port: number
  readonly takenBy: string
}

/**
 * Ports for all parts, chosen before anything starts so that the parts can be told of each other.
 * @param isAny take whatever is free instead of the usual ports (for tests and second copies)
 */
export async function pickPorts(
  isAny: boolean,
): Promise<{ readonly ports: PlatformPorts; readonly notes: readonly PortNote[] }> {
  const reserved = new Set<number>()
  const notes: PortNote[] = []
  const pick = async (part: string, wanted: number): Promise<number> => {
    let picked = await pickPort(isAny ? 0 : wanted, reserved)
    while (reserved.has(picked.port)) picked = await pickPort(0, reserved)
    reserved.add(picked.port)
    if (picked.takenBy !== undefined)
      notes.push({ part, wanted, port: picked.port, takenBy: picked.takenBy })
    return picked.port
  }
  const services: Partial<Record<ServiceName, number>> = {}
  for (const [name, port] of Object.entries(servicePorts) as [ServiceName, number][])
    services[name] = await pick(name, port)
  return {
    ports: {
      services: services as Record<ServiceName, number>,
      broker: await pick('broker', brokerPort),
      lab: await pick('lab', 0),
      postgres: await pick('postgres', postgresPort),
    },
    notes,
  }
}
