import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { drawCalls } from '../../docs/draw-calls.ts'
import { drawDeployedRound, drawDeployedWorkflow } from '../../local/draw-workflow.ts'

const picture = (name: string) =>
  readFileSync(path.join(import.meta.dirname, '../../docs/pictures', `${name}.svg`), 'utf8')

test('the README’s picture shows the present definition (npm run picture draws it again)', async () => {
  expect(picture('workflow')).toBe(await drawDeployedWorkflow())
})

test('the picture of the daily round shows the present definition', async () => {
  expect(picture('daily-round')).toBe(await drawDeployedRound())
})

test('the picture of the calls shows the dependencies of the plan', async () => {
  expect(picture('calls')).toBe(await drawCalls())
})
