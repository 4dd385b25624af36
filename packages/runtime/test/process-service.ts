import { faults } from '@millrace/core'
import { defineService, runService } from '../src/index.ts'

/** A service as a process of its own, for the tests of `runService`. */
await runService(
  defineService({
    name: 'process-test',
    version: '1.0.0',
    description: 'Runs in a process of its own.',
    config: {
      start: {
        type: 'string',
        env: 'TEST_START',
        oneOf: ['well', 'never', 'badly'],
        default: 'well',
        doc: 'How the start goes.',
      },
      secret: {
        type: 'string',
        env: 'TEST_SECRET',
        default: null,
        secret: true,
        doc: 'Not shown.',
      },
    },
    setup({ app, config, onStart, onClose, logger }) {
      app.get('/fault', async () => {
        await faults.at('process.test')
        return {}
      })
      app.get('/crash', async () => {
        setImmediate(() => {
          throw new Error('unexpected')
        })
        return {}
      })
      onStart((signal) => {
        if (config.start === 'badly') throw new Error('cannot ever work')
        if (config.start === 'never')
          return new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error))
          })
        return Promise.resolve()
      }, 'work')
      onClose(() => logger.info('close hook ran'))
    },
  }),
)
