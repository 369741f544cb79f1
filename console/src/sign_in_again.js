// A session that ended while somebody worked: they sign in again in place, and the page stays as it is.

// Returns whether the person is signed in now; false when they closed the dialog.
export function signedIn() {
  const dialog = document.getElementById("sign-in-again");
  const form = dialog.querySelector("form");
  const problem = dialog.querySelector(".problem");
  problem.hidden = true;
  if (!dialog.open) dialog.showModal();
  return new Promise((done) => {
    const end = (result) => {
      form.removeEventListener("submit", tried);
      dialog.removeEventListener("close", closed);
      form.reset();
      dialog.close();
      done(result);
    };
    const closed = () => end(false);
    const tried = async (event) => {
      event.preventDefault();
      if (event.submitter?.value === "cancel") return end(false);
      problem.hidden = true;
      if (await admitted(new URLSearchParams(new FormData(form)))) end(true);
      else problem.hidden = false;
    };
    form.addEventListener("submit", tried);
    dialog.addEventListener("close", closed);
  });
}

async function admitted(body) {
  const answer = await fetch("/console/session", { method: "POST", body, redirect: "manual" });
  return answer.type === "opaqueredirect"; // signing in leads to a page; a refusal does not
}
