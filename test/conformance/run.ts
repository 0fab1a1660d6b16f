import { runSuite } from '../support/python.ts'
import { moto } from './moto.ts'

await runSuite('test:conformance', moto, import.meta.dirname)
