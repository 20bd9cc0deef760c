"""The pipeline on simulated deployments: ``text_to_sql`` makes prompts, ``driving`` sends them through, nothing waits."""
