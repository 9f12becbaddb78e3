// Runs inside a sandbox that is tried out: says what it sees, then takes memory until somebody stops it.
import fs from 'node:fs'
import os from 'node:os'

const {TALKHEAD_INPUT: input, TALKHEAD_OUTPUT: output, TRIAL, FILL} = process.env
const tried = (work) => {
  try {
    work()
    return true
  } catch {
    return false
  }
}
const status = tried(() => fs.readFileSync('/proc/self/status')) ? fs.readFileSync('/proc/self/status', 'utf8') : ''
const told = {
  network: Object.values(os.networkInterfaces())
    .flat()
    .some((one) => !one.internal),
  files: ['/trial', '/usr/trial', '/etc/trial'].some((file) =>
    tried(() => {
      fs.writeFileSync(file, '')
      fs.rmSync(file)
    }),
  ),
  input: tried(() => {
    fs.writeFileSync(input + '/trial', '')
    fs.rmSync(input + '/trial')
  }),
  privileges: !/CapEff:\s*0+$/m.test(status) || !/NoNewPrivs:\s*1/.test(status) || process.getuid?.() === 0,
  // Where nobody promises a limit, going beyond it ends the program before it has said anything.
  output: FILL === 'yes' && tried(() => fs.writeFileSync(output + '/ballast', Buffer.alloc(48 * 1024 * 1024, 1))),
}
tried(() => fs.rmSync(output + '/ballast'))
fs.writeFileSync(output + '/told.part', JSON.stringify(told))
fs.renameSync(output + '/told.part', output + '/told.json')
const kept = []
setInterval(() => {
  if (TRIAL === 'memory' && kept.length < 64) kept.push(Buffer.alloc(16 * 1024 * 1024, kept.length))
}, 20)
