from af2jax.cli.main import main

raise SystemExit(main())
