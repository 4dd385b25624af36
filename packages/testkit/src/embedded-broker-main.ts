/** The embedded broker as a process for tests: `embedded-broker-main.ts <directory> <port>`; tells its port over IPC. */
import { startBroker } from '@millrace/broker'

const [dir, port] = process.argv.slice(2) as [string, string]
const broker = await startBroker({ dir, port: Number(port) })
process.once('SIGTERM', () => {
  void broker.close().then(() => process.exit(0))
})
process.send?.({ port: broker.port })
