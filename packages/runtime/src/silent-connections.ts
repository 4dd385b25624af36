import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Connections over which nothing was ever asked: browsers open them in advance, probes open them to see that someone listens. Node counts them
 * neither as idle nor as busy, so a server would wait for them at its end.
 */
export class SilentConnections {
  readonly #sockets = new Set<Socket>()

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  close(): void {
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy()
  }
}
