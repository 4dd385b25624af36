import { runService } from '@millrace/runtime'
import { ordersService } from './service.ts'

await runService(ordersService)
