/** Before anything is painted: the theme that was chosen, or the system's. */
{
  const chosen = localStorage.getItem("cohort.theme");
  const dark = chosen === null ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
  document.documentElement.dataset["theme"] = dark ? "dark" : "light";
}
