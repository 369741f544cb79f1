// Answers what the console's editor would offer: {table, fields, questions: [[text, position]]} in, labels out.
import { readFileSync } from "node:fs";
import { completionsAt } from "../../../console/src/completion.js";

const { table, fields, questions } = JSON.parse(readFileSync(0, "utf8"));
const answers = questions.map(([text, position]) => {
  const found = completionsAt(table, fields, text, position);
  return found && { side: found.side, from: found.from, labels: found.options.map((option) => option.label) };
});
process.stdout.write(JSON.stringify(answers));
