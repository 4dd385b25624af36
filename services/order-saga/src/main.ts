import { runService } from '@millrace/runtime'
import { orderSagaService } from './service.ts'

await runService(orderSagaService)
