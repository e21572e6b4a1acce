/**
 * Adds up vitest's JSON reports: names the tests that failed and their report, with the first line of why, and ends with
 * `N passed, N failed`; fails when a report is missing or a test failed.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

let passed = 0;
let failed = 0;
for (const path of process.argv.slice(2)) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8'));
    passed += report.numPassedTests;
    const failures = report.testResults.flatMap(failuresOf);
    for (const { name, message = '' } of failures) {
      console.log(`failed: ${basename(path, '.json')}: ${name}: ${message.split('\n')[0]}`);
    }
    failed += failures.length;
  } catch (error) {
    console.log(`no report at ${path}: ${error.message}`);
    failed += 1;
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

/** The tests of a file that failed; the file itself where it could not be run. */
function failuresOf({ name, status, message, assertionResults }) {
  const tests = assertionResults.filter((test) => test.status === 'failed');
  if (status === 'failed' && tests.length === 0) return [{ name, message }];
  return tests.map((test) => ({ name: test.fullName, message: test.failureMessages[0] }));
}
