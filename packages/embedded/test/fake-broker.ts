import { createServer, type AddressInfo } from 'node:net'

/** Behaves as the broker's command does towards its launcher. */
const server = createServer()
const port = Number(process.argv[process.argv.indexOf('--port') + 1])
if (process.argv.includes('--mute')) setInterval(() => {}, 60_000)
else if (process.argv.includes('--fail')) throw new Error('the disk is full')
else {
  server.on('error', (error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  })
  server.listen(port, '127.0.0.1', () => {
    process.stdout.write('a line that is no JSON\n{"event":"starting"}\n')
    process.stdout.write(
      `${JSON.stringify({ event: 'ready', port: (server.address() as AddressInfo).port })}\n`,
    )
  })
}
